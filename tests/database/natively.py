"""Dumps a private server natively, without SSH in between: for tests that ask what is dumped, not how it is reached."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from tuibackup.database import inventory
from tuibackup.database.channel import Connection
from tuibackup.database.inventory import DatabaseInfo
from tuibackup.database.native import Native
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
        return await inventory.take(asking, frozenset())


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
    """The native dump of every database."""

    async def all_of_them(native: Native, infos: tuple[DatabaseInfo, ...]) -> dict[str, bytes]:
        return {info.name: b"".join([part async for part in native.database(info)]) for info in infos}

    return await with_native(socket, vendor, all_of_them)
