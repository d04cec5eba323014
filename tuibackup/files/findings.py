"""What step 2 could not get as it should be: into the index in full, to the face up to a bound."""

from tuibackup.progress import Finding, Reporter
from tuibackup.text import printable
from tuibackup.vault.index import IndexWriter, Wanted, join

_SHOWN = 1_000  # findings that are reported; a folder of unreadable files has as many lines as files


class Findings:
    """Takes each finding once. Not thread-safe: one thread at a time, the one that may use `writer`."""

    def __init__(self, writer: IndexWriter, reporter: Reporter) -> None:
        self.count = 0
        self.shown: list[Finding] = []
        self._writer = writer
        self._reporter = reporter

    def folder(self, root: int, folder: bytes, reason: str, *, mark: bool = False) -> None:
        """About a configured folder as a whole; `mark` keeps the clock from being reset."""
        self._writer.problem(root, b"", reason)
        self.show(folder, reason, mark=mark)

    def entry(self, root: int, folder: bytes, path: bytes, reason: str) -> None:
        """About something in a folder that stays in the snapshot, or never was in the inventory."""
        self._writer.problem(root, path, reason)
        self.show(join(folder, path), reason)

    def missing(self, file: int, path: bytes, reason: str) -> None:
        """A file of the inventory that is not in the snapshot; `path` is absolute."""
        self._writer.drop(file, reason)
        self.show(path, reason)

    def show(self, path: bytes, reason: str, *, mark: bool = False) -> None:
        """Report what the index knows already."""
        self.count += 1
        if len(self.shown) < _SHOWN or mark:
            finding = Finding(printable(path), reason, mark)
            self.shown.append(finding)
            self._reporter.finding(finding)

    def close(self) -> None:
        """Say how many were not shown."""
        hidden = self.count - len(self.shown)
        if hidden:
            finding = Finding(f"{hidden} more files", "are listed in the snapshot's index")
            self.shown.append(finding)
            self._reporter.finding(finding)
