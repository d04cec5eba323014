"""What is typed: typed ahead, cut in pieces by the line, remapped, and what gives the terminal to the shell."""

import re
from collections.abc import Iterator

import pytest

from tests.acceptance.site import TUIBACKUP, Site
from tests.terminal import Terminal


@pytest.fixture
def site(site: Site) -> Site:
    for name in ("lms", "siakad"):
        site.servers[name] = f'[servers.{name}]\nhost = "127.0.0.1"\nport = 9\nfolders = ["/etc"]\n'
    site.write_config()
    return site


def opened(site: Site, **env: str) -> Terminal:
    seat = Terminal([str(TUIBACKUP)], site.environment(env), cwd=site.home)
    seat.wait_for("was never backed up", "q quit")
    return seat


@pytest.fixture
def seat(site: Site) -> Iterator[Terminal]:
    with opened(site) as seat:
        yield seat


def test_esc_and_what_is_typed_at_once_after_it_are_two_keys(site: Site, seat: Terminal) -> None:
    """They were alt and a letter: the plan stayed open, and the next enter started its backup."""
    for after in ("j\r", "k\r", "b\x1b\r", "\x1bj\r"):
        seat.send("b")
        seat.wait_for("enter start")
        seat.send("\x1b" + after)
        seat.wait_for("5 set-up", "esc back")
        seat.send("\x1b")
        seat.wait_for("q quit")
    assert not site.journals, "nothing was started"


def test_the_page_to_recover_a_server_opens(seat: Terminal) -> None:
    """It ended the cockpit: the style of a dialog that lies in another folder was looked for there."""
    seat.send("R")
    seat.wait_for("Recover ", "esc")


def test_an_answer_to_another_program_and_a_key_in_pieces_do_nothing(site: Site, seat: Terminal) -> None:
    before = seat.text
    for text in (
        "\x1b]11;rgb:1e1e/1e1e/2b2b\x1b\\",
        "\x1b[?64;1;2;6;9;15;16;17;18;21;22;28;29c",
        "\x1bP>|XTerm(388)\x1b\\",
        "\x1b[24;80R",
    ):
        seat.send(text)
    for piece in "\x1b[", "B":
        seat.send(piece)
    seat.wait_for("RUN siakad")
    seat.send("\x1b[A")
    seat.wait_for("RUN lms")
    assert re.sub(r"\d\d:\d\d", "", seat.text) == re.sub(r"\d\d:\d\d", "", before)


def test_what_something_else_wrote_is_drawn_over_with_one_key(seat: Terminal) -> None:
    for opens, shown in (("", "q quit"), ("?", "esc close")):
        seat.send(opens)
        seat.wait_for(shown)
        seat.settle(0.3)
        before = seat.text
        seat.garble()
        seat.send("\x0c")
        seat.wait_for(*before.splitlines())
        assert seat.text == before


def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_comes_back(site: Site) -> None:
    env = site.environment({"PS1": "ready> "})
    with Terminal(["bash", "--norc", "--noprofile", "-i"], env, cwd=site.home) as seat:
        seat.wait_for("ready>")
        for opens, shown in (("", "q quit"), ("?", "esc close")):
            seat.send(f"{TUIBACKUP}\r" if not opens else "fg\r")
            seat.wait_for("q quit", "was never backed up")
            seat.send(opens)
            seat.wait_for(shown)
            start = len(seat.raw)
            seat.send("\x1a")
            seat.wait_for_bytes(b"Stopped", start)
            seat.send("stty -a | grep -o ' echo ' && echo seen\r")
            seat.wait_for("\nseen")
        start = len(seat.raw)
        seat.send("fg\r")
        seat.wait_for_bytes(b"\x1b[2J", start)
        seat.wait_for("esc close")
        seat.send("\x1bq")
        seat.wait_for("ready>")
        seat.send("exit\r")
        assert seat.wait() == 0


def test_where_no_shell_waits_ctrl_z_draws_again_and_goes_on(seat: Terminal) -> None:
    seat.send("\x1a")
    seat.settle(0.5)
    seat.send("?")
    seat.wait_for("esc close")


def test_a_state_is_found_too(seat: Terminal) -> None:
    seat.send("/nev")
    seat.wait_for("2 of 2 /nev")
    seat.send("\x1b/due")
    seat.wait_for("0 of 2 /due")


@pytest.mark.long
def test_a_keymap_that_cannot_be_used_is_refused_with_its_lines(site: Site) -> None:
    site.settings = (
        '[keymap]\nback-up = "escape"\nstop = "f99"\nsort = "alt+s"\nfilter = "o"\nquti = "f5"\nhelp = "f2,?"\n'
        'redraw = "ctrl+q"\nplan-full = "d"\nchoose-up = "w"\nup = "d,k"\n'
    )
    site.write_config()
    text = site.config.read_text().splitlines()
    wrong = ("back-up", "stop", "sort", "filter", "quti", "redraw", "plan-full", "choose-up", "up")
    with Terminal([str(TUIBACKUP)], site.environment(), columns=300, cwd=site.home) as seat:
        assert seat.wait() == 2
        said = seat.text
    assert b"\x1b[?1049h" not in seat.raw
    for name in wrong:
        line = next(number for number, one in enumerate(text, 1) if one.startswith(f"{name} ="))
        assert f"config.toml:{line}: keymap.{name}: " in said
    assert "keymap.help" not in said
    assert "there is no such action; did you mean quit?" in said
    assert '"d" is the key of plan-dry-run too (plan)' in said
    assert said.count("keymap.") == len(wrong)
    assert "siakad" in site.tuibackup("status").out, "nothing else is kept from its work"


def test_what_is_typed_into_a_field_is_taken_in_its_order(seat: Terminal) -> None:
    """In one piece, as from a slow line: ctrl+u took away what was typed after it, and backspace another letter."""
    seat.send("/")
    seat.wait_for("esc clears it")
    seat.send("arsi\x15lmx\x7fs")
    seat.wait_for(" lms ")
    seat.send("\r")
    seat.wait_for("1 of 2")


def test_what_is_typed_behind_a_filter_acts_on_what_the_filter_shows(site: Site, seat: Terminal) -> None:
    """In one piece: the second enter opened the server that the cursor was on before, and b planned a hidden one."""
    seat.send("/siakad\r\r")
    seat.wait_for("siakad", "5 set-up", "esc back")
    seat.send("\x1b\x1b/zzz\rb")
    seat.wait_for("0 of 2 /zzz", "the filter shows no server")
    seat.send("K")
    seat.wait_for("retention: the filter shows no server")
    assert "never backed up" not in seat.text, "nothing is said of a server that the filter hides"
    seat.send("\x1b/lms\rb")
    seat.wait_for("tuibackup run lms", "enter start")
    assert not site.journals, "nothing was started"
