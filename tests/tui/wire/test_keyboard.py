"""Where an escape sequence ends: esc and what is typed after it are two keys, and no piece or answer is one."""

import pytest

from tuibackup.tui.wire.keyboard import Keyboard


def typed(*pieces: str) -> list[str]:
    """The keys of pieces that come one after the other, and then nothing more."""
    keyboard = Keyboard()
    keys = [key for piece in pieces for key in keyboard.feed(piece)]
    return keys + list(keyboard.give_up())


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("\x1bj\r", ["\x1b", "j", "\r"]),  # was alt+j, and enter for the dialog that esc should have closed
        ("\x1bb", ["\x1b", "b"]),  # and this "a word to the left"
        ("\x1b\x1bb", ["\x1b", "\x1b", "b"]),
        ("\x1b", ["\x1b"]),
        ("\x1b[", ["\x1b", "["]),
        ("\x1bO", ["\x1b", "O"]),
        ("\x1bOb", ["\x1b", "O", "b"]),
        ("\x1b\r", ["\x1b", "\r"]),
        ("\x1b[A\x1bOP\x1b[15~q", ["\x1b[A", "\x1bOP", "\x1b[15~", "q"]),
        ("\x1b[[Ax", ["\x1b[[A", "x"]),
        ("\x1b[1;5Cx", ["\x1b[1;5C", "x"]),
        ("\x1b\x1b[A", ["\x1b", "\x1b[A"]),
        ("\x1b[0nb", ["\x1b[0n", "b"]),
        ("\x1b[?64;1;2cb", ["\x1b[?64;1;2c", "b"]),
        ("\x1b]11;rgb:1e1e/1e1e/2e2e\x07q", ["q"]),
        ("\x1b]11;rgb:1e1e\x1b\\q", ["q"]),
        ("\x1bP>|XTerm(388)\x1b\\q", ["q"]),
        ("\x1b]q", ["\x1b", "]", "q"]),
        ("\x1b[200~b\r\x1b[Ao\x1b[201~q", ["\x1b[200~b\r\x1b[Ao\x1b[201~", "q"]),
        ("漢q", ["漢", "q"]),
    ],
)
def test_keys_are_cut_apart(text: str, keys: list[str]) -> None:
    assert typed(text) == keys
    if len(text) > 2:
        assert typed(*text) == keys, "however they are cut on the way"


@pytest.mark.parametrize("piece", ["\x1b[5", "\x1b[1;5", "\x1b]11;rgb:1", "\x1bP>|X"])
def test_the_piece_of_a_sequence_is_no_key(piece: str) -> None:
    assert typed(piece) == []


def test_a_paste_waits_for_its_end_however_long() -> None:
    keyboard = Keyboard()
    assert list(keyboard.feed("\x1b[200~" + "b\r" * 10_000)) == []
    assert keyboard.patience is None
    assert len(list(keyboard.feed("\x1b[201~"))) == 1
