"""A mistake of our own goes through as what it is, where the faults of a library become one line."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from tests.remote.conftest import Face, Site, a_server, site
from tuibackup.database.connect.faults import faults
from tuibackup.database.connect.optionfile import Options
from tuibackup.database.inventory import take
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import ConnectionLostError, DatabaseError, is_our_bug

__all__ = ["site"]


async def test_a_bug_of_ours_is_no_lost_database_connection() -> None:
    broken: Any = SimpleNamespace()  # the attribute that our code asks for is not there
    with pytest.raises(AttributeError):
        async with faults("siakad", Options()):
            await take(broken, frozenset(), {})


async def test_what_a_library_stumbles_over_is_one_line() -> None:
    with pytest.raises(DatabaseError, match=r"^siakad: "):
        async with faults("siakad", Options()):
            json.loads(None)  # type: ignore[arg-type]  # a library's own TypeError
    with pytest.raises(ConnectionLostError, match="the database closed the connection"):
        async with faults("siakad", Options()):
            raise ConnectionResetError


async def test_a_bug_of_ours_is_no_strange_ssh_server(
    site: Site, sshd: PrivateSshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tuibackup.remote.connect.client.host_key", None
    )  # asked for by an unknown host's key
    with pytest.raises(TypeError):
        await site.connect(a_server(sshd), Face())


def test_bugs_are_told_by_where_they_happened() -> None:
    with pytest.raises(AttributeError) as ours:
        Options.password.fget  # type: ignore[union-attr]  # noqa: B018  # happens here, in a test
    assert not is_our_bug(ours.value)
    assert not is_our_bug(ValueError())
