"""A pattern for names: `krs-*.pdf` is held against the last part of a path, `/var/www/*.php` against the whole path.

As for `find -path`, `*` and `?` also stand for a slash; `**/` also for nothing. Names are bytes from servers: what is
no UTF-8 matches `?` and `*`, byte by byte.
"""

import fnmatch
import re

_FOREIGN = re.compile(r"[^\x00-\x7f]+")  # letters that SQLite does not make small
_SPECIAL = re.compile(r"\[!?\]?[^\]]*\]|[*?\[\]/]")


class NamePattern:
    """What is looked for. `of_paths`: in whole paths; `literal`: bytes that are in every name that matches, in small
    letters where `ignore_case`.

    A pattern with a slash that does not begin with one may begin in any folder.
    """

    def __init__(self, text: str | bytes, *, ignore_case: bool = False) -> None:
        self.text = _decoded(text).rstrip("/") or "/"
        self.of_paths = "/" in self.text
        expression = r"(?:.*/)?".join(map(_expression, self.text.split("**/")))
        if self.of_paths and not self.text.startswith("/"):
            expression = r"(?:.*/)?" + expression
        flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
        self._match = re.compile(expression, flags).fullmatch
        pieces = _SPECIAL.split(self.text)
        literal = (
            pieces[-1] if self.of_paths else max(pieces, key=len)
        )  # `*` before the last `/` may be many names
        self.ignore_case = ignore_case
        if ignore_case:
            literal = max(_FOREIGN.split(literal), key=len).lower()
        self.literal = literal.encode("utf-8", "surrogateescape")

    def matches(self, name: str | bytes) -> bool:
        """Whether `name` (a path, if it is `of_paths`) is one of those looked for."""
        return self._match(_decoded(name)) is not None


def _decoded(text: str | bytes) -> str:
    return text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text


def _expression(glob: str) -> str:
    """The regular expression of a glob, to be put together with others."""
    return fnmatch.translate(glob).removeprefix("(?s:")[: -len(r")\Z")]
