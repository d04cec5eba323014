"""What the streams of one folder did not bring as it should be: findings, files to fetch once more, nothing forgotten.

A complaint of the server's tools stands in the index since the tool made it (see `complained`). Here it becomes a
finding, or is taken out again because the file came whole the next time.
"""

from operator import attrgetter

from tuibackup.files.contract import Fetched, FileComplaint, Listed
from tuibackup.files.findings import Findings
from tuibackup.vault.index.read import IndexWriter, Wanted
from tuibackup.words import later, sentence, sentence_n

CHANGED = sentence("changed while it was read, twice; the second reading is stored")
SHRUNK = sentence("shrank while it was read, twice; its end is filled with zeros")
PADDED = later(
    "was shorter than its size says, or could not be read to its end ({reason}); the rest is filled with zeros"
)
UNREAD = later("{reason}; what could not be read is stored as zeros")
REPLACED = sentence("vanished or was replaced after it was read; stored as it was read")
CHANGED_AND_LOST = sentence(
    "changed while it was read and could not be read again; stored as it was read first"
)
UNNAMED = sentence("many files could not be read; the reason was not kept for each")


class SecondTry:
    """Of one folder. `tried` are the ids of files that came twice, or were asked for twice."""

    def __init__(self, index: IndexWriter, findings: Findings, folder: Listed) -> None:
        self.tried: set[int] = set()
        self._index = index
        self._findings = findings
        self._folder = folder
        self._waiting: dict[int, FileComplaint] = {}  # complaints about files that are asked for once more

    def take_result(self, fetched: Fetched) -> list[Wanted]:
        """Take one stream's result; the files that are worth a second try."""
        for number in fetched.stored_again:
            self._forget(self._waiting.pop(number, None))
        said = dict(fetched.complaints)
        self._lost(fetched, said)
        again = [one for one in fetched.changed if one.id not in self.tried]
        for one in again:
            if one.id in said:
                self._forget(self._waiting.get(one.id))
                self._waiting[one.id] = said.pop(one.id)
        for one in fetched.changed:
            if one.id in self.tried:
                self._unsettled(one, said.pop(one.id, None))
        for one in fetched.gone:
            self._forget(said.pop(one.id, None))
            self._entry(one.entry.path, fetched.looked.get(one.place, REPLACED))
        for number in sorted(said, key=lambda number: said[number].path):
            self._complained(number, said[number])
        root, name = self._folder.root, self._folder.folder
        if fetched.uncounted:
            self._findings.folder(
                root,
                name,
                sentence(
                    "{files} changed while they were read",
                    files=sentence_n("{count} more file", "{count} more files", fetched.uncounted),
                ),
            )
        for text in fetched.said:
            self._findings.folder(root, name, text)
        return sorted(again, key=attrgetter("id"))

    def still_changing(self, files: list[Wanted]) -> None:
        """These changed in the last stream, too."""
        for one in files:
            self._unsettled(one, self._waiting.pop(one.id, None))

    def vanished(self, one: Wanted) -> None:
        """It was to be fetched once more, and is not there any more."""
        self._forget(self._waiting.pop(one.id, None))
        self._entry(one.entry.path, CHANGED_AND_LOST)

    def close(self) -> None:
        """There is no further stream: what was to be fetched once more, and was not, stays as it is."""
        for number, said in self._waiting.items():
            self._complained(number, said)
        self._waiting.clear()

    def _lost(self, fetched: Fetched, said: dict[int, FileComplaint]) -> None:
        for one, reason in fetched.lost:
            self._forget(said.pop(one.id, None))
            self._forget(self._waiting.pop(one.id, None))
            if one.id in self.tried:
                self._entry(one.entry.path, CHANGED_AND_LOST)
            else:
                self._findings.missing(one.id, one.path, reason)
        for number in fetched.lost_unnamed:
            self._forget(said.pop(number, None))
            self._findings.missing(number, self._folder.folder, UNNAMED)

    def _unsettled(self, one: Wanted, said: FileComplaint | None) -> None:
        """A file that changed again: in the tool's words, if it had some that say more."""
        self._forget(said)
        if said is not None and said.complaint.shrank:
            self._entry(one.entry.path, SHRUNK)
        elif said is not None and said.complaint.padded:
            self._entry(one.entry.path, sentence(UNREAD, reason=said.complaint.reason))
        else:
            self._entry(one.entry.path, CHANGED)

    def _complained(self, number: int, said: FileComplaint) -> None:
        self._forget(said)
        if self._index.find(self._folder.root, said.path) != number:
            return  # it is missing, and was listed as that
        complaint = said.complaint
        if complaint.shrank:
            self._entry(said.path, sentence(PADDED, reason=complaint.reason))
        else:
            self._entry(
                said.path, sentence(UNREAD, reason=complaint.reason) if complaint.padded else complaint.reason
            )

    def _entry(self, path: bytes, reason: str) -> None:
        self._findings.entry(self._folder.root, self._folder.folder, path, reason)

    def _forget(self, said: FileComplaint | None) -> None:
        """Its line in the index's list: a finding makes another."""
        if said is not None and said.problem:
            self._index.remove_problems([said.problem])
