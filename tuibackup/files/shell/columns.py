"""What find prints of many names, read column by column: a tenth of the time that one record after another takes.

Only plain records are read here: so many words each, digits and times as GNU's find writes them. Whatever else may
still be a record is left to the caller, who reads it field by field.
"""

from collections.abc import Callable, Sequence

from tuibackup.vault.archive.entry import storable

_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_PLAIN_TIME = b"0000000000.0000000000"


def words(records: Sequence[bytes], width: int) -> list[list[bytes]] | None:
    """The columns of records without NULs, of which each is `width` words; None where one of them is not."""
    # A mark between two records: no word is one. So a record with a word too few shows beside one with a word too many.
    flat = b" \0 ".join(records).split(b" ")
    step = width + 1
    if len(flat) != len(records) * step - 1 or flat[width::step].count(b"\0") != len(records) - 1:
        return None
    return [flat[at::step] for at in range(width)]


def numbers(column: Sequence[bytes]) -> list[int]:
    """Numbers of digits only. ValueError where one of them is written in another way, or is none."""
    if not b"".join(column).isdigit():
        raise ValueError
    return list(map(int, column))


def repeated(column: Sequence[bytes], read: Callable[[bytes], int] = int) -> list[int]:
    """As `numbers`, where few are different; `read` gives the value."""
    distinct = set(column)
    if not b"".join(distinct).isdigit():
        raise ValueError
    known = {one: read(one) for one in distinct}
    return [known[one] for one in column]


def octal(word: bytes) -> int:
    """A mode."""
    return int(word, 8)


def times(column: Sequence[bytes]) -> list[int]:
    """Of each time its `nanoseconds`. Raises ValueError."""
    joined = b" ".join(column)
    if joined.translate(_AS_ZEROS) != b" ".join([_PLAIN_TIME] * len(column)):
        known = {one: nanoseconds(one) for one in set(column)}
        return [known[one] for one in column]
    found = [int(one) // 10 for one in joined.replace(b".", b"").split(b" ")]
    return found if max(found) == storable(max(found)) else list(map(storable, found))


def nanoseconds(time: bytes) -> int:
    """find's "SECONDS.FRACTION"; before 1970 the seconds are rounded down and the fraction added.

    What cannot be stored becomes the nearest time that can: a second look then sees the same.
    """
    seconds, _, fraction = time.partition(b".")
    return storable(int(seconds) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0")))
