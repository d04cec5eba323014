"""Follows the includes of a web server's configuration: every file once, whichever names and circles lead to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tuibackup.discover.reader import Reader

MOST_FILES = 5000
MOST_STATEMENTS = 200_000  # after includes are put in their places: files that include each other twice grow
_ROUNDS = 12

Statement = tuple[bytes, ...]

# Names as the shell expands them: of a folder all files in it, of a link the file behind it.
_EXPAND = rb"""
IFS=
set +f
for pattern; do
  printf '%s\0' "$pattern"
  for name in $pattern; do
    if [ -d "$name" ] && [ -r "$name" ]; then find -L "$name" -type f -print0 2>/dev/null | sort -z 2>/dev/null
    elif [ -L "$name" ] && [ -e "$name" ]; then printf '%s\0' "$(readlink -f -- "$name" || printf %s "$name")"
    elif [ -e "$name" ]; then printf '%s\0' "$name"
    elif [ -n "$SUDO" ]; then $SUDO find "${name%/*}" -maxdepth 1 -name "${name##*/}" ! -type d -print0 2>/dev/null
    else
      folder=${name%/*}
      [ ! -d "$folder" ] || [ -x "$folder" ] || printf '%s\0' "$name"
    fi
  done
  printf '\0'
done
"""


@dataclass
class Tree:
    """The statements of every file, and the files that each include means."""

    files: dict[bytes, list[Statement]] = field(default_factory=dict)
    includes: dict[bytes, list[bytes]] = field(default_factory=dict)


async def expand(reader: Reader, patterns: Sequence[bytes], what: str) -> dict[bytes, list[bytes]]:
    """The files that each pattern means."""
    answer = await reader.each(_EXPAND, patterns, what=what)
    found: dict[bytes, list[bytes]] = {}
    pattern: bytes | None = None
    for name in answer.split(b"\0"):
        if pattern is None:
            pattern = name
            found[pattern] = []
        elif name:
            found[pattern].append(name)
        else:
            pattern = None
    return found


async def follow(
    reader: Reader,
    program: Callable[[frozenset[bytes]], bytes],
    starts: Sequence[bytes],
    *,
    included: Callable[[Tree], set[bytes]],
    wanted: Callable[[Tree], set[bytes]],
    what: str,
) -> Tree:
    """Read `starts` and all that they include. `included` gives the absolute patterns in a tree.

    `program` selects, and is given the names of the variables whose values are `wanted`: no others come. These are
    known once the files were read, so they are read again where there are any.
    """
    names: frozenset[bytes] = frozenset()
    tree = Tree()
    for _pass in range(5):
        tree = Tree(includes=tree.includes)
        fresh = list(dict.fromkeys(starts))
        for _round in range(_ROUNDS):
            if len(tree.files) + len(fresh) > MOST_FILES:
                reader.cut[what] = None
                fresh = fresh[: max(0, MOST_FILES - len(tree.files))]
            selected = await reader.select(program(names), fresh, what=what)
            for name in fresh:
                tree.files[name] = selected.files.get(name, [])
            patterns = included(tree)
            unknown = [pattern for pattern in sorted(patterns) if pattern not in tree.includes]
            tree.includes.update(await expand(reader, unknown, what))
            tree.includes.update((one, []) for one in unknown if one not in tree.includes)
            fresh = list(
                dict.fromkeys(
                    name
                    for pattern in sorted(patterns)
                    for name in tree.includes[pattern]
                    if name not in tree.files
                )
            )
            if not fresh:
                break
        else:
            reader.cut[what] = None
        more = frozenset(wanted(tree)) - names
        if not more:
            break
        names |= more
    return tree


def laid_out(tree: Tree, start: bytes, pattern_of: Callable[[Statement], bytes | None]) -> list[Statement]:
    """The statements of `start` with each include in its place; one that leads back into itself is left out."""
    result: list[Statement] = []

    def put(name: bytes, around: frozenset[bytes]) -> None:
        for statement in tree.files.get(name, ()):
            if len(result) >= MOST_STATEMENTS:
                return
            pattern = pattern_of(statement)
            if pattern is None:
                result.append(statement)
                continue
            for inner in tree.includes.get(pattern, ()):
                if inner not in around:
                    put(inner, around | {inner})

    put(start, frozenset({start}))
    return result
