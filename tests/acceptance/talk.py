"""A conversation with a command in a terminal: a question is waited for, then answered."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.acceptance.site import TUIBACKUP, Site
from tests.terminal import Terminal


class Talk:
    """`answer` waits for a question that came since the last answer."""

    def __init__(self, seat: Terminal) -> None:
        self.seat = seat
        self._seen = 0

    def answer(self, question: str, text: str, *, seconds: float = 60) -> None:
        self.wait(question, seconds=seconds)
        self._seen = len(self.seat.raw)
        self.seat.send(text + "\r")

    def wait(self, words: str, *, seconds: float = 60) -> None:
        self.seat.wait_for_bytes(words.encode(), self._seen, seconds)

    @property
    def said(self) -> str:
        return self.seat.raw.decode()


@contextmanager
def talk(site: Site, *words: str) -> Iterator[Talk]:
    """`tuibackup` with these words, in a terminal in which no line is broken."""
    with Terminal([str(TUIBACKUP), *words], site.environment(), cwd=site.home, columns=400, rows=80) as seat:
        yield Talk(seat)
