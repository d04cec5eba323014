"""A terminal that is sent only what changed shows the same as one that is sent everything."""

from copy import deepcopy

from hypothesis import example, given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from tests.tui.wire.replay import shown, terminal, whole
from tuibackup.tui.wire.changes import Able, changes, cleared
from tuibackup.tui.wire.frame import PLAIN, Frame, blank, frame
from tuibackup.tui.wire.moves import At

WIDTH, HEIGHT = 24, 4
TEXTS = st.text(alphabet="ab ─█√é漢字한⌚🐧❤x\u0301\ufe0f", max_size=WIDTH) | st.sampled_from(
    (" " * 12, "👍🏽 🇮🇩")
)
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
ABLE = st.builds(Able, st.booleans(), st.booleans())
USUAL = Able()


def sent(before: Frame, after: Frame, able: Able = USUAL) -> str:
    """The bytes from one frame to the next, from the first cell and with a plain pen."""
    return changes(deepcopy(before), after, At(), able)[0]


@given(st.lists(LINES, min_size=1, max_size=5), ABLE, st.none() | st.integers(1, 200))
@example(
    [[[Segment("漢字")]] * HEIGHT, [[Segment("a漢b")]] * HEIGHT, [[Segment(" 漢字")]] * HEIGHT], USUAL, None
)
def test_the_screen_is_the_newest_frame_whatever_was_before(
    pictures: list[list[list[Segment]]], able: Able, most: int | None
) -> None:
    """Also where only a part of a frame was sent when the next came."""
    screen, stream = terminal(WIDTH, HEIGHT)
    frames = [frame(lines, WIDTH, ColorSystem.TRUECOLOR) for lines in pictures]
    text, held, at = cleared(frames[0], able)
    stream.feed(text)
    for after in frames:
        text, at = changes(held, after, at, able, most)
        stream.feed(text)
    text, at = changes(held, frames[-1], at, able)
    stream.feed(text)
    assert shown(screen) == whole(frames[-1])
    assert changes(held, frames[-1], at, able) == ("", at)


def test_a_part_that_erased_more_than_its_own_cells_is_known_to_have_done_so() -> None:
    first, none, last = (
        frame([[Segment(text)]], WIDTH, ColorSystem.STANDARD) for text in ("aaaaa      b", "", "           b")
    )
    screen, stream = terminal(WIDTH, 1)
    text, held, at = cleared(first, USUAL)
    stream.feed(text)
    for after, most in ((first, None), (none, 1), (last, None)):
        text, at = changes(held, after, at, USUAL, most)
        stream.feed(text)
    assert shown(screen) == whole(last)


def test_one_character_costs_one_move_and_itself() -> None:
    before = frame([[Segment("0:41 of 2:30")]] * HEIGHT, WIDTH, ColorSystem.TRUECOLOR)
    after = [*before[:1], frame([[Segment("0:42 of 2:30")]], WIDTH, ColorSystem.TRUECOLOR)[0], *before[2:]]
    assert sent(before, after) == "\n\x1b[4G2"


def test_what_stands_between_two_changes_is_written_again_where_that_is_shorter() -> None:
    before = frame([[Segment("0:41 of 2:30")]], WIDTH, ColorSystem.TRUECOLOR)
    after = frame([[Segment("1:42 of 2:31")]], WIDTH, ColorSystem.TRUECOLOR)
    assert sent(before, after) == "1:42\x1b[7C1"


def test_a_change_of_colour_is_one_code() -> None:
    two = [Segment("aa", Style(color="red", bold=True)), Segment("bb", Style(color="blue", bold=True))]
    after = frame([two], WIDTH, ColorSystem.STANDARD)
    assert sent(blank(WIDTH, 1), after) == "\x1b[1;31maa\x1b[34mbb"


def test_what_has_one_colour_is_written_together_where_colours_change_often() -> None:
    red, yellow = (Segment("ab", Style(color=name)) for name in ("#ff0000", "#ffff00"))
    text = sent(blank(WIDTH, 1), frame([[red, yellow] * 3], WIDTH, ColorSystem.EIGHT_BIT))
    assert text == "\x1b[38;5;196mab\x1b[5Gab\x1b[9Gab\x1b[3G\x1b[38;5;226mab\x1b[7Gab\x1b[2Cab"


def test_blanks_keep_the_pen_of_the_letters_around_them() -> None:
    after = frame([[Segment("a b", Style(color="red"))]], WIDTH, ColorSystem.STANDARD)
    assert after[0].pens[1] == PLAIN
    assert sent(blank(WIDTH, 1), after) == "\x1b[31ma b"


def test_many_blanks_are_erased_where_the_terminal_does_it_in_their_colour() -> None:
    style = Style(bgcolor="blue")
    before = frame([[Segment("x" * WIDTH, style)]] * 2, WIDTH, ColorSystem.STANDARD)
    after = frame([[Segment("xx", style), Segment(" " * (WIDTH - 2), style)],
                   [Segment(" " * (WIDTH - 2), style), Segment("xx", style)]], WIDTH, ColorSystem.STANDARD)  # fmt: skip
    assert sent(before, after, Able(erases=True, paints=True)) == "\x1b[3G\x1b[44m\x1b[K\n\r\x1b[22X"
    assert sent(before, after, Able(erases=True)).count(" ") == 2 * (WIDTH - 2)
