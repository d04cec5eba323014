"""Dumps a private server natively, without SSH in between: for tests that ask what is dumped, not how it is reached."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tuibackup.database import inventory
from tuibackup.database.connect.connection import Connection
from tuibackup.database.inventory import DatabaseInfo
from tuibackup.database.native.dumper import Native
from tuibackup.database.objects.views import ViewTexts, late_views, placeholders, texts
from tuibackup.database.sql import settings
from tuibackup.demo.mariadbd import account

T = TypeVar("T")


@asynccontextmanager
async def connection(socket: Path, user: str = account()) -> AsyncIterator[Connection]:
    """A login through the server's socket."""
    reader, writer = await asyncio.open_unix_connection(str(socket))
    made = Connection(reader, writer, user, None, local=True)
    await made.open()
    try:
        yield made
    finally:
        await made.quit()


async def inventoried(socket: Path) -> tuple[DatabaseInfo, ...]:
    async with connection(socket) as asking:
        return await inventory.take(asking, frozenset(), {})


async def with_native(
    socket: Path, vendor: str, use: Callable[[Native, tuple[DatabaseInfo, ...]], Awaitable[T]]
) -> T:
    """What `use` makes of a dumper whose snapshot is open, and of the inventory."""
    infos = await inventoried(socket)
    async with connection(socket) as made:
        native = Native(made, vendor, server="siakad")
        await native.begin()
        return await use(native, infos)


async def dumps(socket: Path, vendor: str = "MariaDB") -> dict[str, bytes]:
    """The native dump of every database, but for views into others."""

    async def all_of_them(native: Native, infos: tuple[DatabaseInfo, ...]) -> dict[str, bytes]:
        return {
            info.name: put_together(
                b"".join([part async for part in native.database(info)]), (await texts(native, info)).own
            )
            for info in infos
        }

    return await with_native(socket, vendor, all_of_them)


def put_together(sql: bytes, views: bytes) -> bytes:
    """A dump as it lies in the vault: with the settings behind its head, and `views` before its foot."""
    head, use, rest = sql.partition(b"\n--\n-- Current Database")
    body, foot, end = rest.rpartition(b"\n/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;")
    return b"".join((head, b"\n", settings.before(4), use, body, b"\n", views, settings.after(), foot, end))


@dataclass(frozen=True)
class Beside:
    """What lies beside the dumps: what comes `first` and `last`, and by database the `views` written apart."""

    first: bytes
    last: bytes
    views: dict[str, ViewTexts]


async def beside(socket: Path, vendor: str = "MariaDB") -> Beside:
    """As step 4 writes it."""

    async def all_of_it(native: Native, infos: tuple[DatabaseInfo, ...]) -> Beside:
        views = {info.name: await texts(native, info) for info in infos}
        async with connection(socket) as asking:
            first = await placeholders(_Asking(asking), infos)
        return Beside(first, late_views([(name, found.late) for name, found in views.items()]), views)

    return await with_native(socket, vendor, all_of_it)


class _Asking:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        return await self._connection.rows(query, values)
