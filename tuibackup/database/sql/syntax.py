"""How a server recognises strings, names and comments: by its sql_mode and the client's character set.

A dump changes both between its statements, because a routine is written as it was created. So every reader of SQL gets
the `Syntax` that is in force.
"""

import re
from dataclasses import dataclass
from functools import cached_property

# Character sets whose second byte may equal a backslash or a backtick: their first and second bytes.
_WIDE = {
    "sjis": (rb"\x81-\x9f\xe0-\xfc", rb"\x40-\x7e\x80-\xfc"),
    "cp932": (rb"\x81-\x9f\xe0-\xfc", rb"\x40-\x7e\x80-\xfc"),
    "big5": (rb"\xa1-\xf9", rb"\x40-\x7e\xa1-\xfe"),
    "gbk": (rb"\x81-\xfe", rb"\x40-\x7e\x80-\xfe"),
    "gb18030": (rb"\x81-\xfe", rb"\x40-\x7e\x80-\xfe"),
}
# `--` begins a comment where white space or a control character follows.
_AFTER_DASHES = rb"[\s\x00-\x1f\x7f]"
COMMENT = rb"/\*(?!M?!)[^*]*+\*++(?:[^/*][^*]*+\*++)*+/|--(?=" + _AFTER_DASHES + rb")[^\n]*+\n|#[^\n]*+\n"
DASHES = rb"-(?=[^-])|--(?=[^-\s\x00-\x1f\x7f])|-(?=--)"  # dashes that do not begin a comment
CUT_COMMENT = rb"/\*(?!M?!)|--" + _AFTER_DASHES + rb"|#"
_SETS_SYNTAX = re.compile(
    rb"sql_mode|character_set_client|\bNAMES\b|\bCHARSET\b|\bCHARACTER\s+SET\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Syntax:
    """`backslash`: it escapes in strings. `ansi`: double quotes hold names. `charset`: the client's."""

    backslash: bool = True
    ansi: bool = False
    charset: str = "utf8mb4"

    @staticmethod
    def of(sql_mode: str, charset: str) -> "Syntax":
        """From the server's @@sql_mode and @@character_set_client."""
        modes = sql_mode.upper().split(",")
        return Syntax("NO_BACKSLASH_ESCAPES" not in modes, "ANSI_QUOTES" in modes, charset.lower())

    @cached_property
    def leads(self) -> bytes:
        """First bytes of two-byte characters, for a set in brackets; b"" if no second byte is ASCII."""
        return _WIDE.get(self.charset, (b"", b""))[0]

    @cached_property
    def wide(self) -> bytes:
        """Alternatives for such a character, and for a byte that only looks like its first."""
        if not self.leads:
            return b""
        first, second = _WIDE[self.charset]
        # Look ahead first: a possessive group that fails in its middle may go on there (see `statements`).
        return rb"|(?=[%b][%b])..|(?=[%b][^%b])." % (first, second, first, second)

    @cached_property
    def strings(self) -> bytes:
        """A pattern that matches a whole string."""
        double = b"" if self.ansi else b"|" + self._within(b'"', escapes=self.backslash)
        return self._within(b"'", escapes=self.backslash) + double

    @cached_property
    def names(self) -> bytes:
        """A pattern that matches a whole quoted name."""
        double = b"|" + self._within(b'"', escapes=False) if self.ansi else b""
        return self._within(b"`", escapes=False) + double

    def _within(self, quote: bytes, *, escapes: bool) -> bytes:
        if not escapes and not self.leads:
            return rb"%b[^%b]*+%b" % (quote, quote, quote)
        stop, escaped = (rb"\\", rb"|\\.") if escapes else (b"", b"")
        return rb"%b(?:[^%b%b%b]++%b%b)*+%b" % (quote, quote, stop, self.leads, escaped, self.wide, quote)


USUAL = Syntax()


def sets_syntax(statement: bytes) -> bool:
    """Whether a SET statement may change it."""
    return bool(_SETS_SYNTAX.search(statement))
