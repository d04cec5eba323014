"""Files that say that they are empty, where that cannot be believed.

/proc, many FUSE and some network file systems report size 0 for files that have content; tar believes them and stores
nothing. So before anything is fetched, one byte is asked of each such file that is new or changed. A file that gives a
byte is left out and listed: an empty file in its place would be a lie. File systems whose
sizes are the kernel's own (`listing.HONEST`) are not asked.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice

from tuibackup.errors import RemoteTimeoutError
from tuibackup.files.contract import Listed
from tuibackup.files.findings import Findings
from tuibackup.files.shell import complaints, recheck, sudo
from tuibackup.files.shell.listing import HONEST
from tuibackup.files.shell.tools import Tools
from tuibackup.files.workers import in_thread
from tuibackup.text import printable, shorten
from tuibackup.vault.index.read import IndexWriter, Wanted
from tuibackup.words import later, sentence

HAS_CONTENT = sentence(
    "has size 0 and is not empty; nothing of it is stored, because its file system does not "
    "tell sizes; exclude it, or copy it to a folder on a disk"
)
ENDLESS = sentence("has size 0, and reading it does not end; exclude it")
UNREADABLE = later("has size 0 and cannot be read: {reason}")
UNASKED = sentence("has size 0, which is often wrong on this file system and could not be checked")

_BATCH = 1_000
_SECONDS = 300.0  # for one batch

# All together first, as nearly all are empty. Each is answered with a letter and its name; `x` with what head says.
# Reading some files never returns (/proc/kmsg), so nothing is read without `timeout`, where there is one.
_SCRIPT = b"""
timeout 1 true 2>/dev/null || timeout() { shift; "$@"; }
if [ "$({ timeout 20 head -q -c 1 -- "$@" 2>/dev/null || echo x; } | wc -c)" -eq 0 ]; then
    printf 'e%s\\0' "$@"
    exit 0
fi
for name do
    if [ "$(timeout 2 head -c 1 -- "$name" 2>/dev/null | wc -c)" -gt 0 ]; then
        printf 'c%s\\0' "$name"
    else
        said=$(timeout 2 head -c 1 -- "$name" 2>&1 >/dev/null)
        case $? in
            0) printf 'e%s\\0' "$name" ;;
            124 | 137 | 143) printf 'b%s\\0' "$name" ;;
            *) printf 'x%s\\0%s\\0' "$name" "$said" ;;
        esac
    fi
done
exit 0
"""
# What has a size by now is read as that.
_TOLD = (b"-type", b"f", b"-size", b"0c", b"-exec", b"sh", b"-c", _SCRIPT, b"sh", b"{}", b"+")


async def leave_out_false_empty(
    index: IndexWriter,
    findings: Findings,
    folder: Listed,
    ask: Callable[[Sequence[Wanted]], Awaitable[dict[int, str]]],
) -> None:
    """Leave out the wanted files of `folder` that say that they are empty and are not, or may not be.

    `ask` gives the reason, by the file's id (see `Source.find_not_empty`). Raises what it raises.
    """
    doubtful = (one for one in index.wanted(folder.root, empty=True) if one.entry.fstype not in HONEST)
    while files := await in_thread(lambda: list(islice(doubtful, _BATCH))):
        find_not_empty = await ask(files)
        await in_thread(
            _leave_out, findings, [one for one in files if one.id in find_not_empty], find_not_empty
        )
        findings.flush()


def _leave_out(findings: Findings, files: Sequence[Wanted], reasons: dict[int, str]) -> None:
    for one in files:
        findings.missing(one.id, one.path, reasons[one.id])


async def find_not_empty(tools: Tools, files: Sequence[Wanted]) -> dict[int, str]:
    """As `Source.find_not_empty`, with the server's own tools."""
    names = b"".join([one.place + b"\0" for one in files])
    command = recheck.second_look_command(_TOLD, sudo=tools.sudo)
    try:
        answer = await tools.session.run(
            command, input=names, timeout=_SECONDS, limit=len(names) + 1_000 * len(files)
        )
    except RemoteTimeoutError:
        return {one.id: UNASKED for one in files}
    refused = not answer.stdout and any(map(sudo.is_from_sudo, answer.stderr.splitlines()))
    if answer.signal or answer.exit_status not in recheck.ENDS or refused:
        return {one.id: UNASKED for one in files}
    said = dict(_answers(answer.stdout))
    return {one.id: said[one.place] for one in files if said.get(one.place)}


def _answers(answer: bytes) -> Iterator[tuple[bytes, str]]:
    """Each path that was looked at, and what is wrong with it ("": it is empty)."""
    tokens = iter(answer.split(b"\0"))
    for token in tokens:
        letter, path = token[:1], token[1:]
        if letter == b"x":
            yield path, why_unreadable(next(tokens, b"").rpartition(b": ")[2])
        elif letter:
            yield path, {b"e": "", b"c": HAS_CONTENT, b"b": ENDLESS}.get(letter, UNASKED)


def why_unreadable(said: bytes) -> str:
    """Why a file cannot be read, by the words of an error; "" where it is simply gone, as others will tell."""
    if said == b"No such file or directory":
        return ""
    if said in (b"Permission denied", b"Operation not permitted"):
        return complaints.PERMISSION
    return sentence(
        UNREADABLE, reason=shorten(printable(said.strip()), 200) or sentence("head does not say why")
    )
