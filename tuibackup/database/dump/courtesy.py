"""Ends a statement of ours when somebody waits to change the table that it reads.

A statement that reads keeps others from altering its tables. An ALTER TABLE then waits for its end, and everybody who
wants that table waits behind the ALTER: for minutes, if the table is large. So while our statements run, the server's
list of sessions is read again and again. An ended statement brings no result: its database is dumped once more, or its
rows are not compared. An account without PROCESS cannot see who waits.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from tuibackup.database.connect.login import DatabaseSession, Login, log_in_again
from tuibackup.database.dump.progress import Live
from tuibackup.errors import ConnectionLostError, DatabaseError
from tuibackup.remote.session import Session
from tuibackup.text import printable
from tuibackup.words import sentence

PATIENCE = 0.5  # seconds that somebody waits before we end our statement …
_LOOK = 0.3  # … and between two looks: together well below two seconds
_OURS = "USER = SUBSTRING_INDEX(USER(), '@', 1)"
_WAITING = "STATE LIKE 'Waiting for %metadata lock' OR STATE LIKE 'Waiting for table flush'"
_LONGEST = 16 << 10  # characters of a statement that are looked at
_NAME = r"`(?:[^`]|``)+`"
_PLACE = re.compile(rf"(?:{_NAME}\.)?{_NAME}")
_READ = re.compile(rf"(?:FROM|CHECKSUM TABLE) ((?:{_NAME}[.,]? ?)+)")
_WORDS = re.compile(rf"{_NAME}|[\w$]+")
_DROPS = re.compile(r"\s*DROP\s+(?:DATABASE|SCHEMA)\b", re.IGNORECASE)

Place = tuple[str, str]  # database and table


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement that the session `number` runs; `database`: the one in use, "" for none."""

    number: int
    database: str
    text: str

    def reads(self) -> Iterator[Place]:
        """The tables that this statement of ours, or of a dump program's, reads."""
        for names in _READ.findall(self.text):
            for name in _PLACE.findall(names):
                found = [_plain(one) for one in re.findall(_NAME, name)]
                yield (found[0] if len(found) > 1 else self.database, found[-1])

    def wants(self, place: Place) -> bool:
        """Whether it names that table, or drops the table's database."""
        words = {_plain(word).lower() for word in _WORDS.findall(self.text)}
        database, table = place[0].lower(), place[1].lower()
        if _DROPS.match(self.text):
            return database in words
        return table in words and database in words | {self.database.lower()}


class Courtesy:
    """Looks at the server's sessions over one more login, where the server allows it.

    `longest_ms`: the longest time that somebody waited before we ended our statement; `programs`: the sessions of the
    dump programs, None if they are not known.
    """

    def __init__(self, session: Session, database: DatabaseSession, live: Live) -> None:
        self.longest_ms = 0.0
        self._session = session
        self._database = database
        self._live = live
        self._before: frozenset[int] | None = None
        self.programs: frozenset[int] | None = None
        self._numbers: Callable[[], Iterable[int]] = tuple
        self._since: dict[Statement, float] = {}
        self._wronged: set[Statement] = set()  # others' statements that wait, or waited until now, for ours
        self._ended: set[Statement] = set()  # ours that were ended
        self._work: asyncio.Task[None] | None = None

    async def note(self) -> None:
        """Remember who is logged in before the programs are. Raises ConnectionLostError."""
        if self._database.resting:  # there is no place for another login
            return
        with suppress(DatabaseError):
            self._before = await _sessions(self._database)

    def start(self, begun: Awaitable[object], numbers: Callable[[], Iterable[int]]) -> None:
        """Begin to watch when the programs have `begun`; `numbers` gives our other sessions at any time."""
        self._numbers = numbers
        self._work = asyncio.create_task(self._let_through(begun))

    async def stop(self) -> None:
        """End it."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _let_through(self, begun: Awaitable[object]) -> None:
        await begun
        if self._before is None:
            return
        # If the server accepts no more logins, or does not tell, the dumps go on unwatched.
        with suppress(DatabaseError, ConnectionLostError):
            login = await log_in_again(self._session, self._database.options)
            try:
                self.programs = await _sessions(login) - self._before - {login.number}
                while True:
                    await self._look(login, self.programs)
                    await asyncio.sleep(_LOOK)
            finally:
                login.drop()

    async def _statements(self, login: Login, which: str, end: str) -> list[Statement]:
        """The statements of the sessions `which`; of a long one the LEFT or RIGHT `end`, which names its table."""
        return [
            Statement(int(number), str(database or ""), str(text))
            for number, database, text in await login.rows(
                f"SELECT ID, DB, {end}(INFO, {_LONGEST}) FROM information_schema.PROCESSLIST"
                f" WHERE INFO IS NOT NULL AND {which}"
            )
        ]

    async def _look(self, login: Login, programs: frozenset[int]) -> None:
        now = asyncio.get_running_loop().time()
        our_own = programs | set(self._numbers())
        waiting = [
            one for one in await self._statements(login, f"({_WAITING})", "LEFT") if one.number not in our_own
        ]
        for one in self._wronged - set(waiting):
            self.longest_ms = max(self.longest_ms, (now - self._since[one] + _LOOK) * 1000)
        self._wronged &= set(waiting)
        self._since = {one: self._since.get(one, now) for one in waiting}
        patient = [one for one in waiting if now - self._since[one] >= PATIENCE]
        if not patient:
            return
        for ours in await self._statements(login, f"{_OURS} AND NOT ({_WAITING})", "RIGHT"):
            if ours.number not in our_own:
                continue
            for place in ours.reads():
                if wanting := {one for one in patient if one.wants(place)}:
                    self._wronged |= wanting
                    await self._end(login, ours, place)
                    break

    async def _end(self, login: Login, ours: Statement, place: Place) -> None:
        # KILL QUERY does not reach a statement whose rows wait for a slow line; ending its session does.
        kill = "KILL" if ours in self._ended else "KILL QUERY"
        if ours not in self._ended:
            self._ended.add(ours)
            name = ".".join(map(printable, place))
            self._live.say(
                sentence(
                    "{name}: somebody waits to change this table; the statement that dumps it was ended",
                    name=name,
                )
            )
        with suppress(DatabaseError):  # it has ended meanwhile
            await login.rows(f"{kill} {ours.number}")


async def _sessions(asking: DatabaseSession | Login) -> frozenset[int]:
    """The sessions of our account."""
    found = await asking.rows(f"SELECT ID FROM information_schema.PROCESSLIST WHERE {_OURS}")
    return frozenset(int(number) for (number,) in found)


def _plain(name: str) -> str:
    """A name without its backticks."""
    return name[1:-1].replace("``", "`") if name.startswith("`") else name
