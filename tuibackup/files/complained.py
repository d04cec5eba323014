"""What tar complains while a stream runs, brought to the files that it means.

tar goes on after most of its complaints: what it could not read it fills up with zeros, and a stat of the file tells
nothing of that. So each complaint is listed in the index before the archive with the file counts as kept: a run that
is killed then, and the next one that takes over what it left, know of it. What a stream's end shows to be settled is
taken out again (see `download`).
"""

from collections.abc import Callable, Iterator
from threading import Lock

from tuibackup.files.contract import FileComplaint
from tuibackup.files.shell import complaints
from tuibackup.files.shell.complaints import Complaint
from tuibackup.files.shell.tools import StderrLines
from tuibackup.text import printable, shorten
from tuibackup.vault.archive.entry import Kind
from tuibackup.vault.index.read import IndexWriter
from tuibackup.words import joined, sentence

_FILES = 20_000  # for which the words are kept, and more that are only listed in the index
_SAID = 10  # lines about no file
NO_ATTRIBUTES = sentence("its file system has no extended attributes or access lists")
# A folder is only asked for its attributes; while it is, files come and go in it.
_OF_FOLDERS = "file changed as we read it"


class StreamComplaints:
    """The complaints of one stream of a root. `lines.take` may be called while another thread calls `record`."""

    def __init__(
        self, index: IndexWriter, lock: Lock, root: int, readings: Callable[[bytes], Iterator[Complaint]]
    ) -> None:
        self.lines = StderrLines()
        self.files: dict[int, FileComplaint] = {}  # by the file's id
        self.more = 0  # files that are listed in the index only
        self.said: list[str] = []  # about no file that is known
        self.unsaid = 0
        self.no_attributes = False
        self._index = index
        self._lock = lock
        self._root = root
        self._readings = readings

    def record(self) -> None:
        """Bring what was said so far into the index; before what came with it is committed there."""
        lines = self.lines.drain()
        if not lines and not self.lines.doubtful:
            return
        with self._lock:
            for line in lines:
                if complaints.no_attributes(line):
                    self.no_attributes = True
                else:
                    self._record(line)
            if self.lines.doubtful:
                self._index.distrust(self._root)

    def record_against(self, number: int, path: bytes, complaint: Complaint) -> None:
        """List what is known of a file without a line that names it."""
        with self._lock:
            self._keep(number, path, complaint, listed=True)

    def _record(self, line: bytes) -> None:
        unknown = None
        for complaint in self._readings(line):
            path = complaint.name.removeprefix(b"./").rstrip(b"/")
            number = self._index.find(self._root, path) if path else None
            if number is not None:
                absent = complaints.never_came(line)
                # Of a folder that cannot be opened `find` has told.
                of_folder = absent or complaint.reason == _OF_FOLDERS
                if not of_folder or self._index.kind(number) is not Kind.FOLDER:
                    self._keep(number, path, complaint, listed=not absent)
                return
            unknown = unknown or complaint
        if unknown is not None:
            self._say(unknown)

    def _keep(self, number: int, path: bytes, complaint: Complaint, *, listed: bool) -> None:
        if number in self.files:
            return
        kept = len(self.files) < _FILES
        problem = self._index.add_problem(self._root, path, complaint.reason) if listed else 0
        if kept:
            self.files[number] = FileComplaint(path, complaint, problem)
        elif listed:
            self.more += 1

    def _say(self, complaint: Complaint) -> None:
        named = printable(complaint.name)
        text = joined(": ", filter(None, (shorten(named, 200), complaint.reason)))
        if text in self.said:
            return
        if len(self.said) < _SAID:
            self.said.append(text)
        else:
            self.unsaid += 1
