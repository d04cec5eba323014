"""What Apache serves, read from its configuration: its own dump of virtual hosts does not tell their folders.

`<IfModule>` and `<IfDefine>` count whatever they ask for: what is served today or was yesterday is worth a backup.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from tuibackup.discover.include import Statement, Tree, follow, laid_out
from tuibackup.discover.reader import Reader, program_text, text
from tuibackup.discover.served import Served, before_variable

_PROGRAM = program_text("apache.awk") + program_text("apache-words.awk")
_VARIABLE = re.compile(rb"\$\{(\w+)\}")
_FOLDERS = (b"documentroot", b"virtualdocumentroot", b"alias", b"file")
_WANTED = re.compile(rb"[\w.:-]+")


def program(wanted: frozenset[bytes]) -> bytes:
    """The awk program that selects; `wanted`: names of defines, and "use:MACRO:NUMBER" for a macro's arguments."""
    names = b" ".join(name for name in sorted(wanted) if _WANTED.fullmatch(name))
    return b'BEGIN { WANTED = " ' + names + b' " }\n' + _PROGRAM


@dataclass
class _State:
    """What is known while the configuration is read from top to bottom."""

    root: bytes
    defines: dict[bytes, bytes] = field(default_factory=dict)
    macros: dict[bytes, tuple[list[bytes], list[Statement]]] = field(default_factory=dict)


async def served(reader: Reader, starts: Iterable[bytes], beside: Iterable[bytes] = ()) -> list[Served]:
    """Every folder that Apache serves. `starts`: main files; `beside`: files of the variables that its start sets."""
    found: list[Served] = []
    variables = list(beside)
    for start in starts:
        # Debian's files lie in the server's root, others in a folder conf below it.
        folder = posixpath.dirname(start)
        root = posixpath.dirname(folder) if posixpath.basename(folder) == b"conf" else folder

        def pattern(statement: Statement, tree: Tree, root: bytes = root) -> bytes | None:
            if statement[0] != b"include":
                return None
            path = _replaced(statement[1], _defines(tree))
            return posixpath.join(_server_root(tree, root), path)

        tree = await follow(
            reader,
            program,
            [start, *variables],
            included=lambda tree: {
                one for said in tree.files.values() for each in said if (one := pattern(each, tree))
            },
            wanted=_wanted,
            what="Apache",
        )
        state = _State(_server_root(tree, root), _defines(tree))
        said = laid_out(tree, start, partial(pattern, tree=tree))
        found += _folders(said, state, b"")
    return found


def _all(tree: Tree) -> Iterator[Statement]:
    for said in tree.files.values():
        yield from said


def _server_root(tree: Tree, usual: bytes) -> bytes:
    defines = _defines(tree)
    told = (_replaced(one[1], defines) for one in _all(tree) if one[0] == b"serverroot")
    return next((root for root in told if root.startswith(b"/")), usual)


def _defines(tree: Tree) -> dict[bytes, bytes]:
    defines = {one[1]: one[2] for one in _all(tree) if one[0] == b"define"}
    defines.setdefault(b"SUFFIX", b"")  # of Debian's envvars, for a second server beside the first
    return defines


def _wanted(tree: Tree) -> set[bytes]:
    """The defines in folders and includes, and those arguments of macros that end up in a folder."""
    names: set[bytes] = set()
    macro: tuple[bytes, list[bytes]] | None = None
    for one in _all(tree):
        if one[0] == b"macro" and len(one) > 1:
            macro = one[1].lower(), list(one[2:])
        elif one[0] == b"endmacro":
            macro = None
        elif one[0] in (*_FOLDERS, b"servername", b"include", b"serverroot", b"define", b"use"):
            values = one[2:] if one[0] in (b"use", b"define") else one[1:]
            for value in values:
                names.update(_VARIABLE.findall(value))
            if macro and one[0] != b"define":
                name, parameters = macro
                names.update(
                    b"use:%s:%d" % (name, number)
                    for number, parameter in enumerate(parameters, 1)
                    if any(parameter in value for value in values)
                )
    return names


def _folders(said: Iterable[Statement], state: _State, name: bytes, depth: int = 5) -> Iterator[Served]:
    macro: bytes | None = None
    statements = list(said)
    for number, one in enumerate(statements):
        word = one[0]
        if word == b"endmacro":
            macro = None
        elif macro is not None:
            state.macros[macro][1].append(one)
        elif word == b"macro" and len(one) > 1:
            macro = one[1].lower()
            state.macros[macro] = (list(one[2:]), [])
        elif word == b"use" and len(one) > 1 and depth:
            if one[1].lower() in state.macros:
                parameters, body = state.macros[one[1].lower()]
                yield from _folders(_filled(body, parameters, one[2:]), state, name, depth - 1)
        elif word == b"{":
            name = _name(statements[number + 1 :])
        elif word == b"}":
            name = b""
        elif word == b"servername":
            name = one[1]
        elif word in _FOLDERS:
            path = _replaced(one[1], state.defines)
            folder = before_variable(path, b"$%")
            if word == b"file" and folder == path:
                folder = posixpath.dirname(folder)
            if folder:
                yield Served(
                    posixpath.normpath(posixpath.join(state.root, folder)), f"Apache {text(name)}".strip()
                )


def _name(said: Iterable[Statement]) -> bytes:
    """The name of the virtual host that begins here: it may come after its folder."""
    for one in said:
        if one[0] in (b"}", b"servername"):
            return one[1] if len(one) > 1 else b""
    return b""


def _filled(body: Iterable[Statement], parameters: list[bytes], values: Iterable[bytes]) -> list[Statement]:
    """A macro's statements with its parameters replaced, the longest first as Apache does."""
    pairs = sorted(zip(parameters, values, strict=False), key=lambda pair: -len(pair[0]))

    def fill(word: bytes) -> bytes:
        for parameter, value in pairs:
            word = word.replace(parameter, value)
        return word

    return [(one[0], *map(fill, one[1:])) for one in body]


def _replaced(value: bytes, defines: Mapping[bytes, bytes], depth: int = 5) -> bytes:
    """`value` with each define that is known in its place."""
    for _time in range(depth):
        value = _VARIABLE.sub(lambda match: defines.get(match[1], match[0]), value)
    return value
