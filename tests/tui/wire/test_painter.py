"""However slow the line: one frame on the way, none in a queue, and the last one shown is the newest."""

from rich.color import ColorSystem
from rich.segment import Segment

from tuibackup.tui.wire.changes import Able
from tuibackup.tui.wire.frame import Frame, frame
from tuibackup.tui.wire.painter import ASK, Painter


class Line:
    """A line that takes what is sent when the test says so."""

    def __init__(self) -> None:
        self.text = "aaaa"
        self.sent: list[str] = []
        self.free = True
        self.made = 0
        self.later: list[object] = []
        self.painter = Painter(
            self._frame, self.sent.append, lambda: self.free, lambda _after, do: self.later.append(do), Able()
        )

    def _frame(self) -> Frame:
        self.made += 1
        rows = [[Segment(self.text[start : start + 30])] for start in range(0, 2100, 30)]
        return frame(rows, 30, ColorSystem.STANDARD)

    def show(self, text: str) -> None:
        self.text = text
        self.painter.changed()


def test_while_one_is_on_its_way_the_newest_waits_and_no_other_is_made() -> None:
    line = Line()
    line.show("aaaa")
    line.free = False
    for text in ("bbbb", "cccc", "dddd"):
        line.show(text)
    assert line.made == 1
    line.free = True
    line.painter.go_on()
    assert line.sent[-1] == "\rdddd"
    assert line.made == 2


def test_a_terminal_that_answers_gets_a_large_picture_in_parts_and_no_more_than_it_can_still_see() -> None:
    line = Line()
    line.show("a" * 600)
    assert line.sent[-1].endswith(ASK)
    line.painter.answered()
    line.show("b" * 2100)
    for _time in range(9):
        line.painter.go_on()
    on_the_way = "".join(line.sent[1:])
    assert 600 < len(on_the_way) < 1800, "it waits for an answer"
    line.show("c" * 2100)
    for _time in range(9):
        line.painter.answered()
    rest = "".join(line.sent[1:])[len(on_the_way) :]
    assert "b" not in rest, "the rest of the picture before is never sent"
    assert rest.count("c") == 2100


def test_one_that_never_answers_is_asked_once_and_not_waited_for() -> None:
    line = Line()
    for text in "abcdefgh":
        line.show(text * 600)
    assert "h" in line.sent[-1]
    assert "".join(line.sent).count(ASK) == 1


def test_what_is_forgotten_is_sent_whole() -> None:
    line = Line()
    line.show("aaaa")
    line.painter.forget()
    assert line.sent[-1].endswith("\x1b[2Jaaaa")
