"""What nginx serves, read from its configuration: `nginx -T` would change files there, and says nothing on one fault.

Quotes, comments and blocks are understood as nginx does; the values of variables come only where a folder needs them.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tuibackup.discover.include import Statement, Tree, follow, laid_out
from tuibackup.discover.reader import Reader, program_text, text
from tuibackup.discover.served import Served, before_variable

_PROGRAM = program_text("nginx.awk") + program_text("nginx-words.awk")
_VARIABLE = re.compile(rb"\$\{(\w+)\}|\$(\w+)")
_MOST_VALUES = 200

Values = Mapping[bytes, Sequence[bytes]]


def program(wanted: frozenset[bytes]) -> bytes:
    """The awk program that selects; `wanted` are names of variables with their dollar."""
    names = b" ".join(name for name in sorted(wanted) if re.fullmatch(rb"\$\w+", name))
    return b'BEGIN { WANTED = " ' + names + b' " }\n' + _PROGRAM


@dataclass
class _Block:
    said: list[Statement] = field(default_factory=list)
    blocks: list["_Block"] = field(default_factory=list)


async def served(reader: Reader, starts: Iterable[tuple[bytes, bytes]]) -> list[Served]:
    """Every folder that nginx serves. `starts`: each main file, and the prefix for relative folders."""
    found: list[Served] = []
    for start, prefix in starts:
        conf = posixpath.dirname(start)

        def absolute(statement: Statement, conf: bytes = conf) -> bytes | None:
            return posixpath.join(conf, statement[1]) if statement[0] == b"include" else None

        def included(tree: Tree) -> set[bytes]:
            return {one for said in tree.files.values() for each in said if (one := absolute(each))}

        tree = await follow(reader, program, [start], included=included, wanted=_wanted, what="nginx")
        said = laid_out(tree, start, absolute)
        mapped: dict[bytes, list[bytes]] = {}  # maps hold everywhere
        for one in said:
            if one[0] == b"mapped" and len(one) == 3:
                mapped.setdefault(one[1].lstrip(b"$"), []).append(one[2])
        found += _of(_blocks(said), mapped, b"", prefix)
    return found


def _wanted(tree: Tree) -> set[bytes]:
    """The variables in folders, and in the values of such variables."""
    return {
        b"$" + (braced or plain)
        for said in tree.files.values()
        for statement in said
        if statement[0] in (b"root", b"alias", b"set", b"mapped", b"file")
        for braced, plain in _VARIABLE.findall(statement[-1])
    }


def _blocks(said: Iterable[Statement]) -> _Block:
    top = _Block()
    stack = [top]
    for statement in said:
        if statement[0] == b"{":
            inner = _Block()
            stack[-1].blocks.append(inner)
            stack.append(inner)
        elif statement[0] == b"}":
            if len(stack) > 1:
                stack.pop()
        else:
            stack[-1].said.append(statement)
    return top


def _of(block: _Block, around: Values, name: bytes, prefix: bytes) -> Iterator[Served]:
    """The folders of a block and of those in it. A variable has the values of the block and of those around it."""
    own: dict[bytes, list[bytes]] = {}
    for statement in block.said:
        if statement[0] == b"set" and len(statement) == 3:
            own.setdefault(statement[1].lstrip(b"$"), []).append(statement[2])
    values: Values = {**around, **own}
    names = [statement[1] for statement in block.said if statement[0] == b"name"]
    name = next((one for one in names if one not in (b"_", b"")), name)
    for statement in block.said:
        if statement[0] in (b"root", b"alias", b"file"):
            for value in _values(statement[1], values):
                folder = before_variable(value, b"$")
                if statement[0] == b"file" and folder == value:
                    folder = posixpath.dirname(folder)
                if folder:
                    yield Served(
                        posixpath.normpath(posixpath.join(prefix, folder)), f"nginx {text(name)}".strip()
                    )
    for inner in block.blocks:
        yield from _of(inner, values, name, prefix)


def _values(value: bytes, known: Values, depth: int = 5) -> list[bytes]:
    """What a value may be, with each variable that is known in its place."""
    match = next((one for one in _VARIABLE.finditer(value) if (one[1] or one[2]) in known), None)
    if match is None or not depth:
        return [value]
    result: list[bytes] = []
    for one in known[match[1] or match[2]]:
        result += _values(value[: match.start()] + one + value[match.end() :], known, depth - 1)
    return result[:_MOST_VALUES]
