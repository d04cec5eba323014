"""A TOML text with a key or a table changed, and every other byte as it was.

tomlkit keeps comments too, but it puts what is new behind the comment that stands above the next table, and what is
removed takes that comment along. So where a table has a header of its own the text is changed here; tomlkit writes the
values, and changes what is written in other ways (inline tables, dotted keys).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tuibackup.config.lines import Path, Statement, statements

Value = str | int | bool | list[str]
Values = Mapping[str, Value]


def with_value(text: str, table: Path, key: str, value: Value | None) -> str:
    """`text` with `key` of `table` set, or taken out (None). A list keeps the comments of the items that stay."""
    found = list(statements(text))
    for one in found:
        if not one.is_header and one.path == (*table, key):
            if value is None:
                return _without(text, one.start, one.end)
            return text[: one.value] + _written(value, text[one.value : one.end]) + text[one.end :]
    header = next((one for one in found if one.is_header and one.path == table), None)
    if value is None:
        return text if header else _by_tomlkit(text, table, {key: None})
    if header is None:
        return _by_tomlkit(text, table, {key: value})
    return _insert(text, _end_of(text, found, header), f"{key} = {_written(value)}\n")


def with_table(text: str, table: Path, values: Values) -> str:
    """`text` with a table that is not there yet: at the end; that of a server's database behind the server's keys."""
    found = list(statements(text))
    lines = "".join(f"{key} = {_written(value)}\n" for key, value in values.items())
    block = f"[{'.'.join(map(_key, table))}]\n{lines}"
    inner = len(table) > 2
    parent = next((one for one in found if inner and one.is_header and one.path == table[:-1]), None)
    if parent is not None:
        return _insert(text, _end_of(text, found, parent), f"\n{block}")
    if any(one.path == table[:length] and not one.is_header for one in found for length in (1, 2)):
        return _by_tomlkit(text, table, values)  # the parent is an inline table, which no header may add to
    return text + _gap(text) + block


def without_table(text: str, table: Path) -> str:
    """`text` without `table` and what is in it. A comment goes with the header right below it."""
    found = list(statements(text))
    for number in reversed(range(len(found))):
        one = found[number]
        if not one.is_header or one.path[: len(table)] != table:
            continue
        following = next((other for other in found[number + 1 :] if other.is_header), None)
        end = _above(text, following.start) if following else len(text)
        text = text[: _above(text, one.start)] + text[end:]
        found = list(statements(text))
    if any(one.path[: len(table)] == table for one in found) or _is_inline(found, table):
        return _by_tomlkit(text, table[:-1], {table[-1]: None})
    return text


def _is_inline(found: Sequence[Statement], table: Path) -> bool:
    return any(not one.is_header and one.path == table[: len(one.path)] for one in found)


def _end_of(text: str, found: Sequence[Statement], header: Statement) -> int:
    """The end of the line on which the last of a header's own statements ends."""
    last = header
    for one in found[found.index(header) + 1 :]:
        if one.is_header:
            break
        last = one
    end = text.find("\n", last.end)
    return len(text) if end < 0 else end + 1


def _insert(text: str, at: int, lines: str) -> str:
    start = text[:at]
    if start and not start.endswith("\n"):
        start += "\n"
    return start + lines + text[at:]


def _gap(text: str) -> str:
    """What makes an empty line behind `text`."""
    if not text or text.endswith(("\n\n", "\n\r\n")):
        return ""
    return "\n" if text.endswith("\n") else "\n\n"


def _without(text: str, start: int, end: int) -> str:
    """Without whole lines; a comment behind the value goes with it."""
    start = text.rfind("\n", 0, start) + 1
    after = text.find("\n", end)
    return text[:start] + ("" if after < 0 else text[after + 1 :])


def _above(text: str, start: int) -> int:
    """The start of the line, or of the comments that stand right above it."""
    start = text.rfind("\n", 0, start) + 1
    while start:
        before = text.rfind("\n", 0, start - 1) + 1
        if not text[before:start].lstrip().startswith("#"):
            break
        start = before
    return start


def _key(name: str) -> str:
    import tomlkit

    return tomlkit.key(name).as_string()


def _written(value: Value, before: str = "") -> str:
    """`value` as TOML has it; a list is changed item by item."""
    import tomlkit
    from tomlkit.items import Array

    if isinstance(value, list) and before.startswith("["):
        items: Any = tomlkit.value(before)
        assert isinstance(items, Array)
        for number in reversed(range(len(items))):
            if _as_read(items[number]) not in value:
                del items[number]
        known = [_as_read(item) for item in items]
        for item in value:
            if item not in known:
                items.append(item)
        return items.as_string()
    return tomlkit.item(value).as_string()


def _as_read(item: object) -> str:
    """A folder loses the slash at its end when it is read."""
    text = str(item)
    return (text.rstrip("/") or "/") if text.startswith("/") else text


def _by_tomlkit(text: str, table: Path, values: Mapping[str, Value | None]) -> str:
    import tomlkit

    document = tomlkit.parse(text)
    place: Any = document
    for name in table:
        if name not in place:
            place[name] = tomlkit.inline_table() if place is not document else tomlkit.table()
        place = place[name]
    for key, value in values.items():
        if value is None:
            place.pop(key, None)
        else:
            place[key] = value
    return tomlkit.dumps(document)
