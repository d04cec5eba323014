"""What interrupted runs had fetched, taken over where it is still so; the rest of it goes."""

from collections.abc import Callable, Sequence
from threading import Event

from tuibackup.errors import VaultError
from tuibackup.files.contract import Destination
from tuibackup.files.tally import Tally
from tuibackup.files.workers import in_thread
from tuibackup.progress import OnProgress, Progress
from tuibackup.remote.pipe import StoppedError
from tuibackup.text import count, size
from tuibackup.vault.incoming import discard
from tuibackup.vault.unfinished import UnfinishedRun
from tuibackup.vault.verify import unsound
from tuibackup.words import sentence, sentence_n


async def resume(
    destination: Destination,
    unfinished: Sequence[UnfinishedRun],
    tally: Tally,
    say: Callable[[str], None],
    *,
    full: bool,
) -> int:
    """How many files were taken over from `unfinished` into the index and the snapshot of `destination`.

    `full`: nothing may point into older snapshots, so that only runs of that kind are of use. `say` tells a person what
    cannot be used. Raises VaultError.
    """
    if not unfinished:
        return 0
    stopped = Event()

    def on_progress(progress: Progress) -> None:
        if stopped.is_set():
            raise StoppedError
        tally.bytes, tally.bytes_total = progress.bytes, progress.bytes_total
        tally.current = progress.current.encode()

    def work() -> int:
        before = destination.index.wanted_totals()
        for left in unfinished:
            if left.full or not full:  # what another lacks, an older snapshot holds
                _take_over(destination, left, on_progress, say)
        for left in unfinished:
            discard(left.path)
        after = destination.index.wanted_totals()
        resumed = before[0] - after[0]
        if resumed:
            say(
                sentence_n(
                    "{files} file, {size} was already fetched by an interrupted run",
                    "{files} files, {size} were already fetched by an interrupted run",
                    resumed,
                    files=count(resumed),
                    size=size(before[1] - after[1]),
                )
            )
        return resumed

    return await in_thread(work, stop=stopped.set)


def _take_over(
    destination: Destination, left: UnfinishedRun, on_progress: OnProgress, say: Callable[[str], None]
) -> None:
    """Every archive is read first: what is damaged on the disk is fetched again."""
    try:
        left.check()
        damaged = unsound(left.path, left.sums, on_progress)
    except VaultError as error:
        say(sentence("what an interrupted run had fetched cannot be used: {error}", error=error))
        return
    for problem in damaged.values():
        say(sentence("fetched again, though an interrupted run had fetched it: {problem}", problem=problem))
    destination.incoming.take_over(left.without(damaged), destination.index)
