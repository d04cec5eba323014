"""What step 2 could not get as it should be: into the index in full, to the face up to a bound."""

from collections.abc import Iterable

from tuibackup.progress import Finding, Reporter
from tuibackup.text import printable
from tuibackup.vault.index.read import IndexWriter, Problem, join
from tuibackup.words import sentence

_LONGEST = 4096  # bytes of a path that are shown: a server may list longer ones
_SHOWN = 1_000  # findings that are reported; a folder of unreadable files has as many lines as files


class Findings:
    """Takes each finding once. One thread at a time, the one that may use `writer`; `flush` on the event loop."""

    def __init__(self, writer: IndexWriter, reporter: Reporter) -> None:
        self.count = 0
        self.shown: list[Finding] = []
        self.held = False  # while it is, `flush` waits: what is found may have to be found anew
        self._flushed = 0
        self._writer = writer
        self._reporter = reporter

    def folder(self, root: int, folder: bytes, reason: str, *, mark: bool = False) -> None:
        """About a configured folder as a whole; `mark` keeps the clock from being reset."""
        self._writer.add_problem(root, b"", reason)
        self._show(folder, reason, mark=mark)

    def entry(self, root: int, folder: bytes, path: bytes, reason: str) -> None:
        """About something in a folder that stays in the snapshot, or never was in the inventory."""
        self._writer.add_problem(root, path, reason)
        self._show(join(folder, path), reason)

    def missing(self, file: int, path: bytes, reason: str) -> None:
        """A file of the inventory that is not in the snapshot; `path` is absolute."""
        self._writer.drop(file, reason)
        self._show(path, reason)

    def note(self, line: str) -> None:
        """Worth a word, and no finding."""
        self._reporter.output(line)

    def take_over(self, problems: Iterable[Problem]) -> None:
        """After the index is finished: what it listed by itself."""
        known = {(finding.subject, finding.reason) for finding in self.shown}
        for problem in problems:
            if (printable(problem.path[:_LONGEST]), problem.reason) not in known:
                self._show(problem.path, problem.reason)

    def forget(self) -> None:
        """What was found while `held` is found anew."""
        self.count = 0
        self.shown.clear()

    def flush(self) -> None:
        """Report what is new."""
        if self.held:
            return
        for finding in self.shown[self._flushed :]:
            self._reporter.finding(finding)
        self._flushed = len(self.shown)

    def close(self) -> None:
        """Say how many were not shown, and report the last."""
        hidden = self.count - len(self.shown)
        if hidden:
            self.shown.append(
                Finding(
                    sentence("{hidden} more", hidden=hidden),
                    sentence("see the list of problems in the snapshot's index"),
                )
            )
        self.flush()

    def _show(self, path: bytes, reason: str, *, mark: bool = False) -> None:
        self.count += 1
        if len(self.shown) < _SHOWN or mark:
            self.shown.append(Finding(printable(path[:_LONGEST]), reason, mark))
