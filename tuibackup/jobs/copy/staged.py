"""Brings snapshots out of a copy into a folder that is a vault for a while: what reads a vault reads a copy so.

The folder lies below `[drill] folder`, which is where there is room for a snapshot. What an interrupted job brought
stays there, and is used when the job is ordered again; a job that ended well leaves nothing.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import structs

from tuibackup.config import Config
from tuibackup.copies.fetch import fetch, sizes
from tuibackup.copies.held import Held, Opening, everything
from tuibackup.copies.target import Target
from tuibackup.errors import BusyError, UsageError, VaultError
from tuibackup.filelock import try_lock, unlock
from tuibackup.jobs.copy.inside import chosen, require_copy
from tuibackup.jobs.copy.reach import opener, reached
from tuibackup.jobs.copy.way import Way
from tuibackup.jobs.process.order import Drill, Recover, Restore
from tuibackup.progress import Progress
from tuibackup.run.scratch.folder import LEAST_FREE
from tuibackup.text import size
from tuibackup.vault.disk import room
from tuibackup.vault.identity import create_vault
from tuibackup.vault.names import file_name
from tuibackup.vault.output import vault_errors
from tuibackup.vault.removal import remove_tree
from tuibackup.words import sentence

SUMMARIES = ("/snapshot.json",)
LISTS = (*SUMMARIES, "/tables.json", "/index.sqlite", "/server.json", "/users.sql")


@contextmanager
def staged(
    words: Restore | Drill | Recover, config: Config, way: Way, on_progress: Callable[[str, Progress], None]
) -> "Iterator[tuple[Restore | Drill | Recover, Config]]":
    """The same words about a vault that has what they need, and the configuration with that vault. Raises CopyError."""
    match words:
        case Drill():
            what = words.what
        case Recover():
            what = words.server
        case _:
            what = words.snapshot
    if not what:
        raise UsageError(
            sentence("--due chooses by itself"), sentence("with --from name what is to be drilled")
        )
    identity = Path(os.fsdecode(words.identity)) if words.identity else None
    way.recorder.out_of(words.source)
    with vault_of_copy(config, words.source, what, identity, way, on_progress) as (here, _specs):
        yield structs.replace(words, source="", identity=b""), here


@contextmanager
def vault_of_copy(
    config: Config,
    copy: str,
    what: str | None,
    identity: Path | None,
    way: Way,
    on_progress: Callable[[str, Progress], None] = lambda _spec, _progress: None,
    *,
    only: Sequence[str] = (),
) -> Iterator[tuple[Config, tuple[str, ...]]]:
    """The configuration with a vault that holds that snapshot, or the newest good ones of that server; their names.

    `only`: files that end so, such as LISTS, which is what is needed to look into them; without `what`, of everything
    there. Raises CopyError.
    """
    settings = config.copy(copy)
    key = opener(identity)
    parent = config.drill.folder
    name = f"tuibackup-from-{copy}-{file_name(what or 'all')}-{os.geteuid()}{'-lists' if only else ''}"
    with _private(parent / name) as folder:
        vault = folder / "vault"
        try:
            with vault_errors(vault):
                vault.mkdir(mode=0o700, exist_ok=True)
            create_vault(vault)
            with reached(config, settings, way) as target:
                require_copy(config, settings, target)
                found = _meant(target, key, what, vault, way)
                if not only:
                    _need(folder, sum(map(sizes, found)) - _used(vault))
                for one in found:
                    told = _about(on_progress, one)
                    fetch(one, target, key, vault, lambda file: file.endswith(tuple(only) or ""), told)
            here = structs.replace(config, vault=structs.replace(config.vault, path=vault))
            yield here, tuple(one.spec for one in found)
        except BaseException as error:
            if only or isinstance(error, UsageError):  # nothing that is worth going on with
                remove_tree(folder)
            raise
        remove_tree(folder)


def _meant(target: Target, key: Opening | None, what: str | None, vault: Path, way: Way) -> list[Held]:
    """What is to be brought. What is damaged there is told, and left out."""
    if what is not None:
        return chosen(target, key, what, vault, way.note)
    found, faults = everything(target, key)
    if faults and not found:
        raise faults[0]
    for fault in faults:
        way.note(str(fault))
    return found


def _about(on_progress: Callable[[str, Progress], None], one: Held) -> Callable[[Progress], None]:
    return lambda progress: on_progress(one.spec, progress)


@contextmanager
def _private(folder: Path) -> Iterator[Path]:
    """A folder that is ours alone, which nobody else of ours uses now. Raises VaultError, BusyError."""
    with vault_errors(folder):
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
                raise VaultError(
                    sentence("{folder}: is there already and is not ours alone", folder=folder),
                    sentence("remove it, or name another folder: [drill] folder"),
                ) from None
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not try_lock(descriptor):
            raise BusyError(
                sentence("the same is being read out of the copy already"), sentence("see tuibackup follow")
            )
        yield folder
    finally:
        unlock(descriptor)


def _need(folder: Path, amount: int) -> None:
    free = room(folder).free
    if free < amount + LEAST_FREE:
        raise VaultError(
            sentence(
                "{folder}: what is needed of the copy takes {amount}; {free} are free",
                folder=folder.parent,
                amount=size(amount),
                free=size(free),
            ),
            sentence("free some room there, or name another folder: [drill] folder"),
        )


def _used(folder: Path) -> int:
    """Bytes that an interrupted job brought already."""
    return sum(
        os.lstat(os.path.join(place, name)).st_size for place, _, names in os.walk(folder) for name in names
    )
