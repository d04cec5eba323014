"""Patterns for names: what they match, and that what SQLite passes over would not have matched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuibackup.vault.index.pattern import NamePattern


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("krs-*.pdf", ["krs-1.pdf", "krs-.pdf"], ["krs-1.pdf.bak", "a-krs-1.pdf", "KRS-1.pdf"]),
        ("[a-c]?", ["ab", "c\n"], ["db", "a"]),
        ("*", ["", "x", b"\xff\n"], []),
        (b"\xff", [b"\xff"], ["ÿ"]),
        ("?", [b"\xff", "é"], [b"\xff\xfe", ""]),
        ("/var/*.php", ["/var/a.php", "/var/a/b.php"], ["/srv/var/a.php", "/var/a.phpx"]),
        ("www/**/a", ["/var/www/a", "/www/b/c/a"], ["/var/xwww/a", "/www/ba"]),
        ("/**/a", ["/a", "/x/y/a"], ["/xa"]),
        ("a/", [], ["/x/b"]),
        ("a.b+(c)", ["a.b+(c)"], ["axb+(c)"]),
        ("a[b", ["a[b"], ["ab"]),
    ],
)
def test_what_matches(pattern: str | bytes, matching: list[str | bytes], others: list[str | bytes]) -> None:
    wanted = NamePattern(pattern)
    assert [one for one in matching if not wanted.matches(one)] == []
    assert [one for one in others if wanted.matches(one)] == []


def test_upper_and_lower_case() -> None:
    assert NamePattern("ÉTÉ.*", ignore_case=True).matches("été.PDF")
    assert NamePattern("*KRS-é7*", ignore_case=True).literal == b"krs-"
    assert NamePattern("É*", ignore_case=True).literal == b""


@given(
    st.text(alphabet="ab*?[]!-/.\udcff", min_size=1, max_size=8),
    st.lists(st.text(alphabet="ab-.!]\udcff", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_every_match_has_the_literal(pattern: str, parts: list[str]) -> None:
    wanted = NamePattern(pattern)
    path = "/" + "/".join(parts)
    if wanted.matches(path if wanted.of_paths else parts[-1]):
        assert wanted.literal in parts[-1].encode("utf-8", "surrogateescape")
