"""Host, user and jump hosts as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuibackup.config import logins


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Web_1.Kampus.AC.ID", "Web_1.Kampus.AC.ID"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("[fe80::1%eth0]", "fe80::1%eth0"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("10.10.0.5", "10.10.0.5"),
        ("siakad.", "siakad."),
    ],
)
def test_hosts(text: str, host: str) -> None:
    assert logins.host(text) == host


@pytest.mark.parametrize(
    "user", ["andi", "andi@kampus.local", "KAMPUS\\andi", "andi pratama@kampus.local", "svc-backup$", "u,v"]
)
def test_accounts(user: str) -> None:
    assert logins.user(user) == user


@pytest.mark.parametrize(
    ("text", "jump"),
    [
        ("gate", "gate"),
        ("ops@gate:2200, ssh://second/", "ops@gate:2200,second"),
        ("andi@kampus.local@gate:22", "andi@kampus.local@gate:22"),
        ("KAMPUS\\andi@gate", "KAMPUS\\andi@gate"),
        ("::1", "[::1]"),
        ("a@fe80::1%eth0", "a@[fe80::1%eth0]"),
        ("[::1]:2200", "[::1]:2200"),
        ("none", "none"),
    ],
)
def test_jump_hosts(text: str, jump: str) -> None:
    assert logins.jump(text) == jump


@given(st.text(max_size=30))
def test_every_text_is_taken_or_refused_with_a_reason(text: str) -> None:
    for parse in (logins.host, logins.user, logins.jump):
        try:
            taken = parse(text)
        except ValueError as error:
            reason = str(error)
        else:
            reason = "taken"
            assert not taken.startswith("-")
        assert reason
