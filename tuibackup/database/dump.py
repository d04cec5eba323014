"""Step 4: the SQL of every active database into the vault, one compressed file each, and whether it is good.

For now one database after the other, each of one instant of its own (`--single-transaction`).
"""

import asyncio
import json
import queue
import threading
from dataclasses import dataclass, field

from tuibackup.config import Server
from tuibackup.database import audit, verdict
from tuibackup.database.beside import write_beside
from tuibackup.database.inventory import DatabaseInfo, tables
from tuibackup.database.login import DatabaseSession
from tuibackup.database.optionfile import text_for_tool
from tuibackup.database.scan import Scanner
from tuibackup.database.tool import DumpTool, find_tool
from tuibackup.database.unpack import UnpackError, unpacked
from tuibackup.errors import DatabaseError
from tuibackup.progress import Finding, Progress, Reporter
from tuibackup.remote.command import Exit
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.sop import Outcome
from tuibackup.text import duration, printable, size
from tuibackup.vault.disk import RoomGuard
from tuibackup.vault.frames import FRAME, FrameWriter
from tuibackup.vault.output import OutputFile, Written
from tuibackup.vault.snapshot import Incoming
from tuibackup.vault.summary import DatabaseSummary

TABLES = "tables.json"
STALL_SECONDS = 900.0  # without a byte or a word from the tool: a table may take long to sort
_CHUNK = 1 << 20
_COMPLAINTS = 100  # lines that are kept
_QUEUED = 16  # chunks between the network and the thread that packs


@dataclass(frozen=True, slots=True)
class DumpResult:
    """What step 4 stored. `whole`: every active database is in it whole; sizes in bytes, `bytes` of SQL."""

    outcome: Outcome
    whole: bool
    databases: tuple[DatabaseSummary, ...]
    bytes: int
    stored_bytes: int
    findings: tuple[Finding, ...]
    tool: str
    instant: str  # how far the databases are of one instant


@dataclass(slots=True)
class _Told:
    """Passes findings on and keeps them for the record."""

    reporter: Reporter
    findings: list[Finding] = field(default_factory=list)

    def __call__(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.reporter.finding(finding)


async def dump(
    session: Session,
    probe: Probe,
    database: DatabaseSession,
    server: Server,
    incoming: Incoming,
    reporter: Reporter,
    *,
    least_free: int = 0,
) -> DumpResult:
    """Dump every active database of `database` into `incoming`; `least_free` bytes stay free on the vault's disk.

    Raises DatabaseError where there is no dump tool, nothing to dump, or no dump is whole; VaultError;
    ConnectionLostError. A database that is not whole is a finding with a mark.
    """
    told = _Told(reporter)
    tool = await find_tool(session, probe, database.vendor)
    for finding in audit.audit(database.databases, database.grants, database.account, database.vendor):
        told(finding)
    if not database.databases:
        excluded = " (but those excluded)" if server.database and server.database.exclude else ""
        raise DatabaseError(
            f"{server.name}: {database.account} sees no database there{excluded}",
            f"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, SHOW DATABASES ON *.* TO {database.account}",
        )
    counter = _Counter(reporter, database.databases)
    summaries, tables = [], []
    for info in database.databases:
        counter.begin(info)
        done = await _Dumping(session, database, tool, info, incoming, counter, least_free).carry_out()
        for reason in done.faults:
            told(Finding(printable(info.name), reason, mark=True))
        for line in done.complaints:
            told(Finding(printable(info.name), f"the dump program said: {line}"))
        counter.end(done.summary, done.seconds)
        summaries.append(done.summary)
        tables.append(_tables(done))
    if not any(one.whole for one in summaries):
        raise DatabaseError(f"{server.name}: no database could be dumped: {told.findings[-1].reason}")
    incoming.wrote(await asyncio.to_thread(_write_tables, incoming, tables))
    for finding in await write_beside(database, incoming):
        told(finding)
    whole = all(one.whole for one in summaries) and not any(finding.mark for finding in told.findings)
    return DumpResult(
        outcome=Outcome.WARNINGS if told.findings else Outcome.DONE,
        whole=whole,
        databases=tuple(summaries),
        bytes=sum(one.bytes for one in summaries),
        stored_bytes=sum(one.stored_bytes for one in summaries),
        findings=tuple(told.findings),
        tool=tool.version or tool.path,
        instant="one for each database",
    )


class _Counter:
    """Turns what the tool tells into progress and output of the step."""

    def __init__(self, reporter: Reporter, databases: tuple[DatabaseInfo, ...]) -> None:
        self._reporter = reporter
        self._total = sum(len(one.tables) for one in databases)
        self._tables = 0
        self._before = 0  # tables of the databases that are done
        self._bytes = 0
        self._name = ""
        self._current = ""

    def begin(self, info: DatabaseInfo) -> None:
        self._name = printable(info.name)
        self._reporter.output(
            f"{self._name}: {tables(len(info.tables))}, about {size(info.bytes)} in the database"
        )

    def table(self, name: str) -> None:
        """The tool begins with a table."""
        self._current = f"{self._name}.{name}"
        self._reporter.output(f"{self._name}: {name}")
        self._tell()
        self._tables = min(self._tables + 1, self._total)

    def count(self, length: int) -> None:
        """So many bytes of SQL more."""
        self._bytes += length
        self._tell()

    def end(self, summary: DatabaseSummary, seconds: float) -> None:
        self._before += summary.tables
        self._tables = self._before
        mark = "√" if summary.whole else "×"
        self._reporter.output(
            f"{mark} {self._name}: {tables(summary.tables)}, {size(summary.bytes)}"
            f" stored in {size(summary.stored_bytes)}, {duration(seconds)}"
        )
        self._tell()

    def _tell(self) -> None:
        self._reporter.progress(
            Progress(self._tables, self._total, self._bytes, None, self._current, "tables")
        )


@dataclass(frozen=True, slots=True)
class _Done:
    summary: DatabaseSummary
    scanner: Scanner
    faults: tuple[str, ...]
    complaints: tuple[str, ...]
    seconds: float


class _Dumping:
    """One database: the channel is drained by the event loop, a thread unpacks, scans, packs and writes."""

    def __init__(
        self,
        session: Session,
        database: DatabaseSession,
        tool: DumpTool,
        info: DatabaseInfo,
        incoming: Incoming,
        counter: _Counter,
        least_free: int,
    ) -> None:
        self._session = session
        self._options = database.options
        self._tool = tool
        self._info = info
        self._incoming = incoming
        self._counter = counter
        self._room = RoomGuard(incoming.path, least_free)
        self._complaints: list[str] = []
        self._last_words = ""

    async def carry_out(self) -> _Done:
        loop = asyncio.get_running_loop()
        began = loop.time()
        path = self._incoming.dump(self._info.name)
        packing = _Packing(FrameWriter(path), self._tool.packer, self._room)
        worker = asyncio.create_task(asyncio.to_thread(packing.work))
        try:
            ended = await self._drain(packing, worker)
            await _put(packing, None, worker)
            written = await worker
        finally:
            packing.stop()
            await asyncio.gather(worker, return_exceptions=True)
        self._incoming.wrote(written)
        scanner = packing.scanner
        reasons = [packing.fault] if packing.fault else []
        reasons += verdict.faults(self._info, scanner, ended, self._complaints, self._last_words)
        return _Done(
            DatabaseSummary(
                name=self._info.name,
                file=path.name,
                tables=len(scanner.tables),
                rows=sum(table.rows or 0 for table in scanner.tables.values()),
                bytes=scanner.bytes,
                stored_bytes=written.stored_bytes,
                whole=not reasons,
                problems=len(reasons) + len(self._complaints),
            ),
            scanner,
            tuple(reasons),
            tuple(self._complaints if not reasons else ()),
            loop.time() - began,
        )

    async def _drain(self, packing: "_Packing", worker: "asyncio.Task[Written]") -> Exit:
        async with self._session.stream(self._tool.command(self._info), on_line=self._said) as stream:
            await stream.write(text_for_tool(self._options))
            stream.write_eof()
            while True:
                try:
                    async with asyncio.timeout(STALL_SECONDS):
                        if not (chunk := await stream.read(_CHUNK)):
                            return await stream.wait()
                except TimeoutError:
                    raise DatabaseError(
                        f"{self._session.name}: the dump of {printable(self._info.name)} stood still for"
                        f" {duration(STALL_SECONDS)}"
                    ) from None
                await _put(packing, chunk, worker)
                self._counter.count(packing.taken())

    def _said(self, line: bytes) -> None:
        text = printable(line)
        if text.startswith("-- Retrieving table structure for table "):
            self._counter.table(text[40:].removesuffix("..."))
        elif verdict.complaint(text):
            if len(self._complaints) < _COMPLAINTS:
                self._complaints.append(text)
        elif text.strip() and not text.startswith("-- "):
            self._last_words = text


async def _put(packing: "_Packing", chunk: bytes | None, worker: "asyncio.Task[Written]") -> None:
    """Hand a chunk to the thread; its failure (vault full) is raised here, not waited past."""
    while not packing.offer(chunk):
        done, _ = await asyncio.wait({worker}, timeout=0.01)
        if done:
            worker.result()
            raise DatabaseError("the thread that packs the dump ended early")


class _Packing:
    """The thread's side: SQL in, compressed frames out."""

    def __init__(self, writer: FrameWriter, packer: str, room: RoomGuard) -> None:
        self._room = room
        self.scanner = Scanner()
        self.fault = ""
        self._writer = writer
        self._packer = packer
        self._chunks: queue.Queue[bytes | None] = queue.Queue(_QUEUED)
        self._stopped = threading.Event()
        self._ended = False
        self._told = 0

    def offer(self, chunk: bytes | None) -> bool:
        """Queue a chunk (None: the end) unless the queue is full."""
        try:
            self._chunks.put_nowait(chunk)
        except queue.Full:
            return False
        return True

    def taken(self) -> int:
        """Bytes of SQL that came since the last call."""
        new, self._told = self.scanner.bytes - self._told, self.scanner.bytes
        return new

    def stop(self) -> None:
        """End the thread, whatever is queued."""
        self._stopped.set()

    def work(self) -> Written:
        buffer = bytearray()
        sql = unpacked(self._next, self._packer)
        try:
            try:
                while piece := sql():
                    self.scanner.feed(piece)
                    self._room.coming(len(piece))
                    buffer += piece
                    if len(buffer) >= FRAME:
                        self._writer.frame(buffer)
                        buffer = bytearray()
            except UnpackError as error:
                self.fault = str(error)
                while self._next():
                    pass  # drained all the same: a tool that cannot write says why later, or never
            self.scanner.finish()
            if buffer:
                self._writer.frame(buffer)
            return self._writer.close()
        finally:
            self._writer.abandon()

    def _next(self) -> bytes:
        """The next chunk; b"" at the end and ever after."""
        while not (self._stopped.is_set() or self._ended):
            try:
                chunk = self._chunks.get(timeout=0.2)
            except queue.Empty:
                continue
            self._ended = chunk is None
            return chunk or b""
        if self._ended:
            return b""
        raise DatabaseError("stopped")


def _tables(done: _Done) -> dict[str, object]:
    """The database's part of tables.json: where each table lies in the SQL, and its rows where they were counted."""
    return {
        "name": done.summary.name,
        "file": done.summary.file,
        "bytes": done.summary.bytes,
        "tables": [
            {"name": part.name, "offset": part.offset, "bytes": part.bytes, "rows": part.rows}
            for part in done.scanner.tables.values()
        ],
    }


def _write_tables(incoming: Incoming, databases: list[dict[str, object]]) -> Written:
    output = OutputFile(incoming.path / TABLES)
    try:
        text = json.dumps({"format": 1, "databases": databases}, ensure_ascii=False, indent=1)
        output.write(text.encode("utf-8", "surrogateescape"))
        return output.close()
    finally:
        output.abandon()
