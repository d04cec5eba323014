"""Lines: cutting by cells, and sending only what changed."""

from hypothesis import given
from hypothesis import strategies as st

from tuibackup.text import cells
from tuibackup.tui.lines import cut, ends, left, plain, right, rule, width, wrapped

TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=60)


@given(st.lists(st.tuples(TEXTS, st.just(""))), st.integers(0, 80))
def test_a_cut_line_is_never_wider_than_its_room(spans: list[tuple[str, str]], room: int) -> None:
    assert width(cut(spans, room)) <= room


@given(TEXTS, st.integers(2, 80), st.integers(1, 6))
def test_wrapped_text_fits_in_width_and_number_of_lines(text: str, room: int, most: int) -> None:
    lines = wrapped(text, room, most)
    assert len(lines) <= most
    assert all(width(line) <= room for line in lines)


def test_wrapped_text_keeps_its_own_lines() -> None:
    """All that is wrong with a configuration comes as several; drawn as one they tore a dialog's frame."""
    drawn = wrapped("config.toml:2: a\nconfig.toml:5: b\nconfig.toml:6: c", 40, 2)
    assert [plain(line) for line in drawn] == ["config.toml:2: a", "config.toml:5: b config.toml:6: c"]


def test_wrapping_loses_nothing_where_there_is_room_for_all() -> None:
    text = "/var/www/a-very-long-path-without-any-space/krs-0417.pdf cannot be read: Permission denied"
    assert "".join(plain(line) for line in wrapped(text, 20, 20)).replace(" ", "") == text.replace(" ", "")


@given(TEXTS, st.integers(1, 80))
def test_left_fills_its_room_exactly(text: str, room: int) -> None:
    assert cells(left(text, room)) == room


def test_a_name_that_was_not_cleaned_steers_no_terminal() -> None:
    """The name of a restore's target came through as it was: whoever draws a line cleans it, whoever made it."""
    name = "od\nd\x1b[31m\u202e"
    drawn = [cut(((name, ""),), 60), *wrapped(name.replace("\n", ""), 60, 3)]
    texts = [*map(plain, drawn), left(name, 40), right(name, 40)]
    assert all(text.isprintable() for text in texts), texts
    assert cells(name) == cells(plain(drawn[0]))


def test_right_never_cuts() -> None:
    assert right("1:02:03", 5) == "1:02:03"


def test_the_end_of_a_line_is_kept_and_the_start_gives_way() -> None:
    line = ends((("a long start of a line", ""),), (("END", ""),), 12)
    assert plain(line) == "a long … END"


def test_a_rule_fills_the_width() -> None:
    assert width(rule(1, "SERVERS", "12 servers", 60, active=True)) == 60
