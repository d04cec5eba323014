import os
import pwd

import pytest

from tuibackup.errors import UsageError
from tuibackup.run.operator import identify

ACCOUNT = pwd.getpwuid(os.geteuid()).pw_name


def test_the_operator_is_who_came_through_sudo_else_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.delenv("SSH_CLIENT", raising=False)
    assert identify().name == ACCOUNT
    assert identify().client == ""
    monkeypatch.setenv("SUDO_USER", "siti")
    monkeypatch.setenv("SSH_CLIENT", "10.0.0.7 51234 22")
    operator = identify()
    assert (operator.name, operator.client, operator.chosen) == ("siti", "10.0.0.7", False)


def test_a_chosen_name_is_marked_and_must_be_configured_where_names_are() -> None:
    assert identify("Andi").chosen
    assert identify("Andi", ("Andi", "Siti")).name == "Andi"
    with pytest.raises(UsageError, match='"Budi" is not among the configured operators; choose one of: Andi'):
        identify("Budi", ("Andi", "Siti"))


def test_what_the_environment_says_reaches_no_terminal_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "\x1b[31mroot")
    assert identify().name == "\\x1b[31mroot"
