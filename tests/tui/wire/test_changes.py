"""A terminal that is sent only what changed shows the same as one that is sent everything."""

import pyte
from hypothesis import example, given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from tuibackup.tui.wire.changes import Pencil, changes, cleared
from tuibackup.tui.wire.frame import PLAIN, Frame, blank, frame

WIDTH, HEIGHT = 12, 4
TEXTS = st.text(alphabet="ab ─█√é漢字한x\u0301", max_size=WIDTH)
STYLES = st.sampled_from(
    [
        Style(),
        Style(bold=True),
        Style(bold=True, dim=True, color="red"),
        Style(color="#d6dade", bgcolor="#282e33"),
        Style(color="#d6dade", bgcolor="#112233", bold=True),
        Style(bgcolor="#112233"),
        Style(reverse=True),
        Style(underline=True, color="bright_blue"),
        Style(color="default", bgcolor="default"),
    ]
)
LINES = st.lists(
    st.lists(st.builds(Segment, TEXTS, STYLES), max_size=4), min_size=HEIGHT, max_size=HEIGHT
)  # fmt: skip


def shown(screen: pyte.Screen) -> list[list[tuple[object, ...]]]:
    """What a person sees of each cell: on blanks the colour and weight of letters are not seen."""
    return [
        [
            (
                one.data, one.bg, one.reverse, one.underscore,
                *((one.fg, one.bold) if one.data != " " or one.reverse or one.underscore else ()),
            )
            for one in (screen.buffer[y][x] for x in range(screen.columns))
        ]
        for y in range(screen.lines)
    ]  # fmt: skip


def terminal() -> tuple[pyte.Screen, pyte.Stream]:
    screen = pyte.Screen(WIDTH, HEIGHT)
    screen.reset_mode(pyte.modes.DECAWM)
    return screen, pyte.Stream(screen)


def whole(picture: Frame) -> list[list[tuple[object, ...]]]:
    """A terminal to which every cell was sent, each at its place and with all its codes."""
    screen, stream = terminal()
    for y, row in enumerate(picture):
        for x, (text, pen) in enumerate(zip(row.texts, row.pens, strict=True)):
            if text:
                codes = ";".join(
                    [*map(str, sorted(pen.attributes)), pen.foreground or "39", pen.background or "49"]
                )
                stream.feed(f"\x1b[m\x1b[{y + 1};{x + 1}H\x1b[{codes}m{text}")
    return shown(screen)


@given(st.lists(LINES, min_size=1, max_size=5))
@example([[[Segment("漢字")]] * HEIGHT, [[Segment("a漢b")]] * HEIGHT, [[Segment(" 漢字")]] * HEIGHT])
def test_the_screen_is_the_newest_frame_whatever_was_before(pictures: list[list[list[Segment]]]) -> None:
    screen, stream = terminal()
    pencil, before = Pencil(), blank(WIDTH, HEIGHT)
    stream.feed(cleared(pencil))
    for lines in pictures:
        after = frame(lines, WIDTH, ColorSystem.TRUECOLOR)
        stream.feed(changes(before, after, pencil))
        assert shown(screen) == whole(after)
        assert changes(after, after, pencil) == ""
        before = after


def test_one_character_costs_one_move_and_itself() -> None:
    before = frame([[Segment("0:41 of 2:30")]] * HEIGHT, WIDTH, ColorSystem.TRUECOLOR)
    after = [*before[:1], frame([[Segment("0:42 of 2:30")]], WIDTH, ColorSystem.TRUECOLOR)[0], *before[2:]]
    assert changes(before, after, Pencil()) == "\x1b[2;4H2"


def test_what_stands_between_two_changes_is_written_again_where_that_is_shorter() -> None:
    before = frame([[Segment("0:41 of 2:30")]], WIDTH, ColorSystem.TRUECOLOR)
    after = frame([[Segment("1:42 of 2:31")]], WIDTH, ColorSystem.TRUECOLOR)
    assert changes(before, after, Pencil()) == "1:42\x1b[7C1"


def test_a_change_of_colour_is_one_code() -> None:
    two = [Segment("aa", Style(color="red", bold=True)), Segment("bb", Style(color="blue", bold=True))]
    after = frame([two], WIDTH, ColorSystem.STANDARD)
    assert changes(blank(WIDTH, 1), after, Pencil()) == "\x1b[1;31maa\x1b[34mbb"


def test_blanks_keep_the_pen_of_the_letters_around_them() -> None:
    after = frame([[Segment("a b", Style(color="red"))]], WIDTH, ColorSystem.STANDARD)
    assert after[0].pens[1] == PLAIN
    assert changes(blank(WIDTH, 1), after, Pencil()) == "\x1b[31ma b"
