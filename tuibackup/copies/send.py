"""Sends one snapshot of the vault to a place: every part created only if absent, read back, and the manifest last."""

import gc
import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition, Lock
from typing import Protocol

from tuibackup.copies import manifest as mf
from tuibackup.copies.contents import Content, contents, damaged, require_whole
from tuibackup.copies.held import read_manifest
from tuibackup.copies.manifest import Keys, Manifest, Stored
from tuibackup.copies.sent import Sent
from tuibackup.copies.target import (
    PART,
    AlreadyThereError,
    CopyError,
    DamagedError,
    MissingError,
    TakenError,
    Target,
)
from tuibackup.progress import OnProgress, Progress
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.output import vault_errors
from tuibackup.words import sentence


class _Memory:
    """How many parts all copies of this process hold at once: what they take together stays bounded.

    Who comes first is served first, also where it needs more than the next one.
    """

    def __init__(self, parts: int) -> None:
        self._free = parts
        self._turn = Lock()
        self._given = Condition()

    def take(self, parts: int) -> None:
        """Wait until there is memory for so many."""
        with self._turn, self._given:
            self._given.wait_for(lambda: self._free >= parts)
            self._free -= parts

    def give(self, parts: int) -> None:
        """So many are sent."""
        with self._given:
            self._free += parts
            self._given.notify()


MEMORY = _Memory(2)
_LARGE = 1 << 20  # bytes: of smaller files the collector's own time is enough


class Sealing(Protocol):
    """Encrypts. `to` names for whom, so that what was encrypted for others is not taken for it."""

    @property
    def to(self) -> str:
        """A hash of all recipients, as they are sent to."""

    def seal(self, data: bytes) -> memoryview:
        """`data` encrypted. Raises CopyError."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where copies of one vault go: the target, the id that it was found to have, and what this host knows of it."""

    target: Target
    id: str
    vault_id: str
    known: Path
    sealing: Sealing | None = None

    @property
    def keys(self) -> Keys:
        """How objects are called there."""
        return Keys(self.vault_id, hidden=self.sealing is not None)


def send(snapshot: Snapshot, place: Place, on_progress: OnProgress | None = None) -> tuple[Manifest, int]:
    """Copy it: its manifest, and how many bytes were sent now. A copy that is there already is found, and not changed.

    Whoever calls it keeps the snapshot in the vault (`vault.reading`). Raises CopyError, VaultError: the snapshot
    itself is damaged. What was sent until then is used by the next try.
    """
    sending = _Sending(snapshot, place, on_progress)
    try:
        return sending.all()
    finally:
        sending.close()


@dataclass(slots=True)
class _Sending:
    snapshot: Snapshot
    place: Place
    on_progress: OnProgress | None
    sent: int = 0
    done: int = 0
    total: int = 0
    files: int = 0
    files_total: int = 0
    current: str = ""
    records: dict[str, Sent] = field(default_factory=dict)
    there: dict[str, dict[str, int]] = field(default_factory=dict)
    at_once: int = field(init=False)
    pool: ThreadPoolExecutor = field(init=False)
    lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.at_once = self.place.target.parallel
        self.pool = ThreadPoolExecutor(self.at_once, thread_name_prefix="copy")

    def close(self) -> None:
        self.pool.shutdown(cancel_futures=True)
        for record in self.records.values():
            record.close()

    def all(self) -> tuple[Manifest, int]:
        spec, target, keys = self.snapshot.spec, self.place.target, self.place.keys
        if (there := self._copied_before(keys.manifest(spec))) is not None:
            return there, 0
        files = contents(self.snapshot)
        self.total, self.files_total = sum(one.size for one in files), len(files)
        objects: list[Stored] = []
        names: list[tuple[str, str]] = []
        for content in files:
            self.current = content.file
            stored = self._file(content)
            objects += stored
            names += [(one.key, content.file) for one in stored]
            self.files += 1
            self._tell(0)
        hidden = self.place.sealing is not None
        named = self._names(names) if hidden else None
        made = Manifest(
            copy=self.place.id,
            snapshot="" if hidden else spec,
            made=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            encrypted=hidden,
            names=named.key if named else "",
            objects=(*objects, *([named] if named else [])),
        ).proven(self.place.vault_id)
        key = keys.manifest(spec)
        self._require_all(made)
        data = mf.encode(made)
        try:
            target.create(key, data)
        except AlreadyThereError:
            found = self._found(key)
            self._require_all(found)
            return found, self.sent
        self._compare(key, data)
        return made, self.sent

    def _copied_before(self, key: str) -> Manifest | None:
        """The manifest that lies there, where all that it names does; one of ours that names more goes."""
        try:
            manifest = self._found(key)
        except MissingError:
            return None
        except DamagedError:
            if not self._record(self.snapshot.spec).keys(self._to):
                raise  # nobody knows whose it is
            self.place.target.delete(key)
            return None
        if all(self._there(one.key) == one.size for one in manifest.objects):
            return manifest
        self.place.target.delete(key)
        return None

    def _require_all(self, made: Manifest) -> None:
        """Every object lies there in its size, now: CopyError. A place that was emptied meanwhile is no copy."""
        self.there.clear()
        for one in made.objects:
            if self._there(one.key) != one.size:
                raise CopyError(
                    sentence(
                        "{place}: {key} was sent and is not there any more",
                        place=self.place.target.name,
                        key=one.key,
                    ),
                    sentence("see who deletes there; the next copy sends it again"),
                )

    def _found(self, key: str) -> Manifest:
        """The manifest that lies there already, if it is one of ours. Raises DamagedError, CopyError."""
        manifest = read_manifest(self.place.target, key)
        if not manifest.is_ours(self.place.vault_id):
            raise CopyError(
                sentence("{place}: {key} was not made for this vault", place=self.place.target.name, key=key),
                sentence("nothing was overwritten; name an empty place for the copies"),
            )
        return manifest

    def _file(self, content: Content) -> list[Stored]:
        """Its objects, sent where they were not; they are known to be what SHA256SUMS says. Raises VaultError."""
        record = self._record(content.owner)
        if (whole := record.whole(content.file, self._to)) is not None and all(
            self._there(one.key) == one.size for one in whole
        ):
            self._tell(content.size)
            return list(whole)
        try:
            return self._sent(content, record)
        except CopyError:
            require_whole(
                content, self.snapshot
            )  # where the vault's own file is damaged, that is the fault to tell
            raise

    def _sent(self, content: Content, record: Sent) -> list[Stored]:
        parts = max(1, -(-content.size // PART))
        waiting: deque[Future[Stored]] = deque()
        stored: list[Stored] = []
        digest = hashlib.sha256()
        pieces = _parts(content.path, parts)
        for number in range(1, parts + 1):
            if len(waiting) >= self.at_once:
                stored.append(waiting.popleft().result())
            if content.size > _LARGE:
                gc.collect()  # an answer "no such file" over SFTP is an error that holds the part before, in a circle
            MEMORY.take(self._weight)  # before it is read: it has its memory until it is sent
            try:
                data = next(pieces)
                digest.update(data)
                if number == parts and content.sha256 not in ("", digest.hexdigest()):
                    raise damaged(content, self.snapshot)
                sha256 = digest.hexdigest() if parts == 1 else ""
                part = self.pool.submit(self._part, content, record, number, parts, data, sha256)
            except BaseException:
                MEMORY.give(self._weight)
                raise
            del data
            part.add_done_callback(lambda _part: MEMORY.give(self._weight))
            waiting.append(part)
        stored += [one.result() for one in waiting]
        return stored

    @property
    def _weight(self) -> int:
        return 2 if self.place.sealing else 1  # what is encrypted is in memory twice

    @property
    def _to(self) -> str:
        return self.place.sealing.to if self.place.sealing else ""

    def _part(
        self, content: Content, record: Sent, number: int, parts: int, data: bytes, sha256: str
    ) -> Stored:
        """`sha256` of `data`, "" where nobody knows it yet."""
        length = len(data)
        sha256 = sha256 or ("" if self.place.sealing else hashlib.sha256(data).hexdigest())
        begun = record.part(content.file, self._to, number)
        if begun is not None and self._is_that(begun[0], sha256):
            wanted, proven = begun
            if not proven:
                self._compare(wanted.key, None, wanted)
                record.stored(content.file, self._to, number, parts, wanted)
            self._tell(length)
            return wanted
        body = memoryview(data)
        if self.place.sealing is not None:
            body = self.place.sealing.seal(data)
            sha256 = hashlib.sha256(body).hexdigest()
        del data
        key = self.place.keys.part(content.owner, content.file, number, parts, sha256)
        wanted = Stored(key, len(body), sha256, "" if self.place.sealing else content.file)
        record.intend(content.file, self._to, number, parts, wanted)
        stored = self._create(wanted, body)
        record.stored(content.file, self._to, number, parts, stored)
        self._tell(length)
        return stored

    def _is_that(self, begun: Stored, sha256: str) -> bool:
        """Whether an object that was begun lies there, with content of this hash as far as this host can tell."""
        if self._there(begun.key) != begun.size:
            return False
        return self.place.sealing is not None or begun.sha256 == sha256

    def _names(self, names: list[tuple[str, str]]) -> Stored:
        """The object that tells the names of all others, encrypted."""
        assert self.place.sealing is not None
        head = f"# tuibackup names {mf.FORMAT} {self.snapshot.spec} {self.place.vault_id}\n"
        text = (head + "".join(f"{key} {file}\n" for key, file in names)).encode()
        record = self._record(self.snapshot.spec)
        content = f"names:{hashlib.sha256(text).hexdigest()}"  # what is encrypted does not tell it
        begun = record.part(content, self._to, 1)
        if begun is not None and self._there(begun[0].key) == begun[0].size:
            self._compare(begun[0].key, None, begun[0])
            return begun[0]
        body = self.place.sealing.seal(text)
        sha256 = hashlib.sha256(body).hexdigest()
        wanted = Stored(self.place.keys.names(self.snapshot.spec, sha256), len(body), sha256)
        record.intend(content, self._to, 1, 1, wanted)
        return self._create(wanted, body)

    def _create(self, wanted: Stored, body: memoryview) -> Stored:
        """Send it; what lies there already is ours if it is equal. Raises CopyError: it is another's."""
        target = self.place.target
        try:
            version = target.create(wanted.key, body, wanted.sha256)
        except AlreadyThereError:
            self._compare(wanted.key, None, wanted)
            return wanted
        self.sent += len(body)
        if target.reads_back:
            self._compare(wanted.key, None, wanted, ours=True)
        return Stored(wanted.key, wanted.size, wanted.sha256, wanted.file, version)

    def _compare(
        self, key: str, data: bytes | None, wanted: Stored | None = None, *, ours: bool = False
    ) -> None:
        """Read it from the place: CopyError where it is not what was sent, or was to be."""
        size, sha256 = (
            (wanted.size, wanted.sha256)
            if wanted is not None
            else (len(data or b""), hashlib.sha256(data or b"").hexdigest())
        )
        digest, length = hashlib.sha256(), 0
        for piece in self.place.target.read(key):
            digest.update(piece)
            length += len(piece)
            if length > size:
                break
        if (length, digest.hexdigest()) == (size, sha256):
            return
        if not ours and data is None:
            raise self._other(key)
        raise CopyError(
            sentence(
                "{place}: {key} reads back otherwise than it was sent", place=self.place.target.name, key=key
            ),
            sentence("that disk or store may be failing"),
        )

    def _other(self, key: str) -> TakenError:
        return TakenError(
            sentence(
                "{place}: {key} is there already and is something else", place=self.place.target.name, key=key
            ),
            sentence("nothing was overwritten; see what it is, and move it away"),
        )

    def _record(self, owner: str) -> Sent:
        if owner not in self.records:
            self.records[owner] = Sent(self.place.known, owner)
        return self.records[owner]

    def _there(self, key: str) -> int | None:
        """The size of an object as its folder lists it; None: it is not there."""
        folder = key.rpartition("/")[0]
        owner = next((one for one in self.there if key.startswith(one)), None)
        if owner is None:
            owner = "/".join(folder.split("/")[: 1 if self.place.sealing else 3]) + "/"
            self.there[owner] = {one.key: one.size for one in self.place.target.objects(owner)}
        return self.there[owner].get(key)

    def _tell(self, length: int) -> None:
        with self.lock:
            self.done += length
        if self.on_progress:
            self.on_progress(Progress(self.files, self.files_total, self.done, self.total, self.current))


def _parts(path: Path, parts: int) -> Iterator[bytes]:
    """The file in pieces of PART bytes; one empty piece of an empty file. Raises VaultError."""
    with vault_errors(path), path.open("rb", buffering=0) as file:
        for _ in range(parts):
            yield _exactly(file.read, PART)


def _exactly(read: Callable[[int], bytes | None], length: int) -> bytes:
    pieces = []
    while length and (piece := read(length)):
        pieces.append(piece)
        length -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
