"""Dumps by a program that is a script of ours."""

from msgspec.structs import replace

from tests.database.conftest import Collected
from tuibackup.config import Server
from tuibackup.database.connect.login import login
from tuibackup.database.dump.dump import DumpResult, dump
from tuibackup.remote.probe import probe
from tuibackup.remote.session import Session
from tuibackup.vault.incoming import Incoming

SOME = "CREATE OR REPLACE DATABASE toko; USE toko; CREATE TABLE isi (id INT PRIMARY KEY, teks VARCHAR(200));"
FILLED = SOME + "INSERT INTO isi SELECT seq, MD5(seq) FROM seq_1_to_2000"


async def dumped(
    session: Session, server: Server, incoming: Incoming, reporter: Collected, **tools: object
) -> DumpResult:
    async with await login(session, server, None) as database:
        found = replace(await probe(session), **tools)  # type: ignore[arg-type]  # fields by name
        return await dump(session, found, database, server, incoming, reporter)
