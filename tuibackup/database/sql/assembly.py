"""The files that the workers of one pass write, and how each database's dump is put together from them.

A database that one program dumps goes straight into its file. If other workers took tables of it, or something must be
added after its tables, these parts go into files of their own until all have ended, and so does what follows the tables
(events, routines, views). Then the frames are joined without unpacking them. Views that are written apart and the foot
come at the very end.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tuibackup.database.dump.division import Share
from tuibackup.database.dump.receive import Ended
from tuibackup.database.native import lines
from tuibackup.database.objects.views import ViewTexts
from tuibackup.database.sql import settings
from tuibackup.database.sql.scan import Contents, TablePart
from tuibackup.database.sql.split import Opener
from tuibackup.database.sql.sqlfile import SqlFile
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.output import vault_errors

_PACKERS = 2  # threads that compress, for all programs together
_PARTS = "parts"  # the folder of what is put together later


class Assembly:
    """Files of the databases in `incoming`; `settings` follow the head of each. Raises VaultError."""

    def __init__(self, incoming: Incoming, settings: bytes) -> None:
        self.settings = settings
        self._incoming = incoming
        self._folder = incoming.path / _PARTS
        self._pool = ThreadPoolExecutor(_PACKERS, thread_name_prefix="zstd")
        self._dumps: dict[str, SqlFile] = {}
        self._tails: dict[str, SqlFile] = {}
        self._parts: dict[int, SqlFile] = {}  # by the number of the share
        self._numbers = 0
        with vault_errors(self._folder):
            self._folder.mkdir(mode=0o700)

    def openers(self, number: int, share: Share) -> tuple[Opener, Opener]:
        """Openers of the files for share `number`: for databases, and for what follows their tables. For any thread."""
        if not share.whole:
            return lambda name: None if name else self._part(number), lambda name: None
        wanted = {one.name: one for one in share.databases}

        def dump(name: str) -> SqlFile | None:
            return self._dump(name) if name in wanted else None

        def tail(name: str) -> SqlFile | None:
            if name not in wanted:
                return None
            apart = share.left_out.get(name) or wanted[name].sequences
            return self._tail(name) if apart else self._dump(name)

        return dump, tail

    def put_together(
        self, name: str, ended: Sequence[Ended], more: bytes, views: ViewTexts
    ) -> tuple[SqlFile, Contents]:
        """The dump of `name` from the shares that have parts of it, with `more` after its tables.

        `views` are written apart, the late ones last. Returns also what the dump holds, with places in its file.
        """
        file = self._dump(name)
        contents = Contents()
        for one in ended:
            if one.share.whole:
                _add(contents, one.scanner.contents.get(name), one.shifts.get(name, 0))
        for one in ended:
            if not one.share.whole and (part := self._parts.pop(one.number, None)) is not None:
                part.end()
                at = file.append(part)
                _add(contents, one.scanner.contents.get(""), one.shifts.get("", 0) + at)
        if (tail := self._tails.pop(name, None)) is not None:
            if more:
                file.write(more)
            tail.end()
            file.append(tail)
        foot = b"".join(one.foot for one in ended if one.share.whole)
        if any(name in one.spared for one in ended):  # its program ended before the foot
            foot = lines.tail(datetime.now(UTC))
        if foot:  # without a foot it is cut off, or was not begun
            file.write(views.own)
            contents.late = file.length if views.late else None
            file.write(b"".join(text for _turn, text in views.late) + settings.after() + foot)
            contents.views |= views.names
            contents.longest = max(contents.longest, views.longest)
        file.rest()  # otherwise thousands of databases would each hold a descriptor
        return file, contents

    def forget(self, names: Iterable[str]) -> None:
        """Remove the files of these databases, so that they can be dumped anew."""
        for name in names:
            for files in (self._dumps, self._tails):
                if (file := files.pop(name, None)) is not None:
                    file.remove()

    def forget_parts(self) -> None:
        """Remove the parts that were not used."""
        for file in self._parts.values():
            file.remove()
        self._parts.clear()

    def abandon(self) -> None:
        """Close all files without finishing them."""
        for files in (self._dumps.values(), self._tails.values(), self._parts.values()):
            for file in files:
                file.abandon()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def end(self) -> None:
        """Remove the folder of parts, after all dumps are closed."""
        self.abandon()
        with vault_errors(self._folder):
            self._folder.rmdir()

    def _dump(self, name: str) -> SqlFile:
        if name not in self._dumps:
            self._dumps[name] = SqlFile(self._incoming.dump(name), self._pool)
        return self._dumps[name]

    def _tail(self, name: str) -> SqlFile:
        if name not in self._tails:
            self._tails[name] = self._new()
        return self._tails[name]

    def _part(self, number: int) -> SqlFile:
        if number not in self._parts:
            self._parts[number] = self._new()
        return self._parts[number]

    def _new(self) -> SqlFile:
        self._numbers += 1
        path: Path = self._folder / f"{self._numbers}.zst"
        return SqlFile(path, self._pool)


def _add(contents: Contents, found: Contents | None, shift: int) -> None:
    if found is None:
        return
    for table in found.tables.values():
        contents.tables[table.name] = _moved(table, shift)
    contents.views |= found.views
    contents.objects += found.objects
    contents.longest = max(contents.longest, found.longest)


def _moved(table: TablePart, shift: int) -> TablePart:
    return replace(table, offset=table.offset + shift)
