"""Folders whose list is not whole: they list fewer names than last time though they were not changed since.

When a disk answers an error in the middle of a folder, BusyBox's find and OpenSSH's sftp-server say nothing: they take
it for the folder's end. The snapshot before shows it: removing a name changes the folder's times. What is
lacking stays known from run to run, until the names are there again or the folder changes.
"""

from collections.abc import Awaitable, Callable, Sequence

from msgspec.structs import replace

from tuibackup.files.contract import Listed
from tuibackup.files.findings import Findings
from tuibackup.files.workers import in_thread
from tuibackup.text import count
from tuibackup.vault.index.read import IndexWriter, Wanted
from tuibackup.words import later, sentence

FEWER = later(
    "lists fewer names than last time ({now} of {before}) though the folder was not changed; the server's disk may"
    " be failing (if the list is right, touch the folder on the server)"
)


async def find_cut_listings(
    index: IndexWriter,
    findings: Findings,
    listed: Sequence[Listed],
    look_again: Callable[[Sequence[Wanted]], Awaitable[list[Wanted]]],
) -> list[Listed]:
    """Name the folders that lack names, and count the files that are lacking with them as listed.

    `look_again` is `Source.look_again`: what was removed while the inventory went on has changed the folder by now.
    """
    suspected = await in_thread(index.lacking)
    if not suspected:
        return list(listed)
    now = {one.id: one.entry for one in await look_again([one.folder for one in suspected])}
    missing = dict.fromkeys((one.root for one in listed), 0)
    for one in suspected:
        then, seen = one.folder.entry, now.get(one.folder.id)
        if seen is None or (seen.mtime_ns, seen.ctime_ns) != (then.mtime_ns, then.ctime_ns):
            continue
        root = next(root for root in listed if root.root == one.folder.root)
        reason = sentence(FEWER, now=count(one.has), before=count(one.had))
        await in_thread(index.record_lacking, one)
        if then.path:
            await in_thread(findings.entry, root.root, root.folder, then.path, reason)
        else:
            await in_thread(findings.folder, root.root, root.folder, reason)
        missing[one.folder.root] += one.files
    findings.flush()
    return [replace(one, files=one.files + missing[one.root]) for one in listed]
