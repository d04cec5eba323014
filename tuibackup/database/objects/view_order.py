"""Views that look at other views or into other databases, in an order in which they can be created again.

A view can be created only when everything it looks at exists, with the columns, keys, partitions and history that it
names. Dump programs write views by name, with stand-ins for views that come later; but a view with a CHECK OPTION, an
index hint, FOR SYSTEM_TIME or a geometry function does not accept a stand-in. So the programs leave these views out,
and they are written after everything else, each after what it looks at. Functions do not matter: the server does not
look into a function's body when it creates a view.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

# The server writes a view's definition with every identifier in backticks, and names with their database. A string may
# hold anything, so strings are skipped.
_REFERENCE = re.compile(r"'(?:[^'\\]|\\.|'')*'|(`(?:[^`]|``)+`)\.(`(?:[^`]|``)+`)", re.DOTALL)

Place = tuple[str, str]  # database and name of a table, view, sequence or function


@dataclass(frozen=True, slots=True)
class Apart:
    """Views of one database that are written apart, in order.

    `late`: those that look into other databases, and those that look at such views; each with its turn among the late
    ones of all databases. They come after the others.
    """

    views: tuple[str, ...] = ()
    late: Mapping[str, int] = field(default_factory=dict)


def references(definition: str) -> set[Place]:
    """Every `a`.`b` in a definition: mostly a database and its table, but also a table and its column."""
    return {
        (_plain(match[1]), _plain(match[2]))
        for match in _REFERENCE.finditer(definition)
        if match[1] is not None
    }


def arranged(definitions: Mapping[Place, str], databases: Collection[str]) -> dict[str, Apart]:
    """The views of each of `databases` to write apart; `definitions` are those of all their views."""
    looks_at = {place: references(definition) for place, definition in definitions.items()}
    late: dict[Place, bool] = {}
    found: dict[str, list[str]] = defaultdict(list)
    turns: dict[str, dict[str, int]] = defaultdict(dict)
    for place in _in_order(looks_at):
        database, view = place
        others = looks_at[place] - {place}
        late[place] = any(
            (other[0] != database and other[0] in databases) or late.get(other, False) for other in others
        )
        if late[place]:
            turns[database][view] = sum(map(len, turns.values()))
        elif any(other in definitions for other in others):
            found[database].append(view)
    return {
        database: Apart((*found.get(database, ()), *turns.get(database, ())), turns.get(database, {}))
        for database in {*found, *turns}
    }


def outside(definitions: Mapping[Place, str], excluded: Collection[Place]) -> dict[Place, str]:
    """Views that look at something `excluded` from the backup, or at such views; and its database."""
    looks_at = {place: references(definition) for place, definition in definitions.items()}
    found: dict[Place, str] = {}
    for place in _in_order(looks_at):
        for other in sorted(looks_at[place] - {place}):
            if other in excluded or other in found:
                found.setdefault(place, found.get(other, other[0]))
    return found


def _in_order(looks_at: Mapping[Place, set[Place]]) -> Iterator[Place]:
    """Each view after those that it looks at. Views never form a circle, but a column's name may make it seem so."""
    begun: set[Place] = set()
    for first in sorted(looks_at):
        open_ = [(first, iter(sorted(looks_at[first])))] if first not in begun else []
        begun.add(first)
        while open_:
            place, others = open_[-1]
            following = next((one for one in others if one in looks_at and one not in begun), None)
            if following is None:
                open_.pop()
                yield place
            else:
                begun.add(following)
                open_.append((following, iter(sorted(looks_at[following]))))


def _plain(name: str) -> str:
    return name[1:-1].replace("``", "`")
