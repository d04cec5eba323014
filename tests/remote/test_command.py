"""Quoting, wrappers and descriptions, tried in the shells that servers have."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tuibackup.errors import RemoteCommandError
from tuibackup.remote.command import (
    Completed,
    Exit,
    describe,
    failed,
    line,
    low_priority,
    piped,
    quote,
    rights,
    script,
)
from tuibackup.remote.marks import Marks

# what may stand behind the name `sh`, and what an account may log in to
SHELLS = [
    shell
    for shell in (["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"], ["mksh"])
    if shutil.which(shell[0])
]
LOGIN_SHELLS = [*SHELLS, *([shell] for shell in ("fish", "tcsh", "csh", "zsh", "ksh") if shutil.which(shell))]
shells = pytest.mark.parametrize("shell", SHELLS, ids="-".join)


def run(shell: list[str], text: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*shell, "-c", text], capture_output=True, stdin=subprocess.DEVNULL, timeout=10)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40).map(lambda raw: raw.replace(b"\0", b"")), min_size=1, max_size=8))
@example(
    [
        b"",
        b"'",
        b"''",
        b"\\'",
        b"\n",
        b"$(id)`id`",
        b"*",
        b"~",
        b"-e",
        b"\xff",
        b"a=b",
        b"!!",
        b"#x",
        b"{a,b}",
    ]
)
def test_quoted_words_reach_a_real_shell_unchanged(words: list[bytes]) -> None:
    for shell in SHELLS:
        said = run(shell, b"LC_ALL=C; printf '%s\\0' " + script(words)).stdout
        assert said.split(b"\0")[:-1] == words


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40))
@pytest.mark.long
def test_a_script_goes_through_another_shell_unchanged(text: str) -> None:
    """The login shell sees it first: it may be no POSIX shell at all."""
    for shell in LOGIN_SHELLS:
        assert run(shell, line(script(["printf", "%s", text]))).stdout == text.encode()
        assert run(shell, line(b"printf %s " + quote(text))).stdout == text.encode()


@pytest.mark.parametrize("shell", LOGIN_SHELLS, ids="-".join)
def test_every_login_shell_reads_what_is_sent(shell: list[str]) -> None:
    text = "x='a  b'\nprintf '%s|%s|%s' \"$x\" \"$(echo '!\\')\" $#\nfor i in 1 2; do echo $i >&2; done\nexit 7\n"
    done = run(shell, line(text.encode()))
    assert (done.stdout, done.stderr, done.returncode) == (b"a  b|!\\|0", b"1\n2\n", 7)
    words = [
        b"printf",
        b"%s|",
        b"a'b",
        b"c!d",
        b"e\\f",
        b"g\\'h",
        b"new\nline",
        b"\xff",
        b"$x`y`",
        b"",
        b"~",
        b"*",
    ]
    assert run(shell, line(script(words))).stdout == b"".join(word + b"|" for word in words[2:])
    done = run(shell, line(low_priority(piped("echo it\\'s!; exit 3", "cat"))))
    assert (done.stdout, done.returncode) == (b"it's!\n", 3)
    assert run(shell, line(b"echo oh no; exit 4")).returncode == 4
    assert run(shell, line(script(["sh", "-c", "exit 5"]))).returncode == 5


def test_safe_words_stay_readable() -> None:
    assert script(["tar", "-C", "/var/www", "--null", b"a@b.c"]) == b"tar -C /var/www --null a@b.c"
    assert quote(b"") == b"''"
    assert quote("\udcff") == b"'\xff'"


def test_a_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")


def test_what_is_sent() -> None:
    assert line(b"id -u") == b"exec sh -c 'id -u'"
    octal = b"""exec sh -c 'eval "shift; $(printf %b "$1")"' sh """
    assert line(b"echo 'a b'") == octal + b"'echo \\0047a b\\0047'"


def test_sudo_comes_before_the_tool() -> None:
    assert rights(["id", "a b"], sudo=True) == b"exec sudo -n -- id 'a b'"
    assert rights(b"id", sudo=True) == b"exec sudo -n -- sh -c id"
    assert rights(["id"], sudo=False) == b"id"


@pytest.mark.parametrize("shell", LOGIN_SHELLS, ids="-".join)
def test_between_its_marks_a_command_is_as_it_was(shell: list[str]) -> None:
    for text, said, status in (
        (b'printf %s "it\'s"; echo oh >&2; exit 7', b"it's", Exit(7)),
        (b"exec cat # and so on", b"in", Exit(0)),
        (b"exec sh -c 'kill -9 $$'", b"", Exit(-1, "KILL")),
    ):
        marks = Marks()
        sent = line(marks.text(text))
        done = subprocess.run([*shell, "-c", sent], input=b"in", capture_output=True, timeout=10)
        output, complaints = marks.output(), marks.complaints()
        assert output.feed(b"noise" + done.stdout + b"noise") == said
        complained = complaints.feed(b"noise" + done.stderr + b"noise")
        assert complained.replace(b"Killed\n", b"") == b"oh\n" * (b"oh" in text)
        assert output.exit == complaints.exit == status
        assert output.noise == b"noise"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_marks_are_found_wherever_the_output_is_cut(data: st.DataObject) -> None:
    marks = Marks()
    (first, second) = marks._halves
    likely = st.sampled_from([b"x", first, first + second, first[:3], b"]", b"[", b"0;"])
    own = b"".join(data.draw(st.lists(likely, max_size=6))).replace(first + second, first)
    noise = b"".join(data.draw(st.lists(likely, max_size=3))).replace(first + second + b"[", b"")
    text = noise + first + second + b"[" + own + first + second + b"]3;" + noise
    output, got, at = marks.output(), b"", 0
    while at < len(text):
        length = data.draw(st.integers(1, 60))
        got += output.feed(text[at : at + length])
        at += length
    assert (got + output.rest(), output.exit) == (own, Exit(3))


def test_descriptions_are_clean_and_short() -> None:
    assert describe("echo \x1b[1m\n\n  next") == "echo \\x1b[1m next"
    assert len(describe("x" * 500)) == 60


def test_how_a_command_ended() -> None:
    assert str(Exit(2)) == "exited with 2"
    assert str(Exit(-1, "KILL")) == "was killed by SIGKILL"
    assert str(Exit(-1)) == "ended without an exit status"
    assert Exit(0).ok
    assert not Exit(0, "TERM").ok
    error = failed(["tar"], Exit(2), b"first\ntar: \x1b[31mbad\n\n")
    assert str(error) == "tar exited with 2: tar: \\x1b[31mbad"
    with pytest.raises(RemoteCommandError, match=r"^tar exited with 1$"):
        Completed(b"tar", b"", b"", 1, None).check()


@shells
@pytest.mark.parametrize(
    ("left", "right", "status"),
    [
        ("echo data", "cat", 0),
        ("echo data; exit 3", "cat", 3),
        ("echo data", "cat; exit 4", 4),
        ("echo data; exit 3", "cat; exit 4", 3),
        ("false", "cat", 1),
        ("sh -c 'kill -9 $$'", "cat", 137),
        ("echo data", "sh -c 'cat; kill -9 $$'", 137),
        ("no-such-command-here", "cat", 127),
        ("echo data", "no-such-command-here", 127),
        ("(exit 3)", "cat >/dev/null", 3),
        ("exit 0", "cat", 0),
    ],
)
def test_a_pipe_tells_which_side_failed(shell: list[str], left: str, right: str, status: int) -> None:
    done = run(shell, piped(left, right))
    assert done.returncode == status, done.stderr
    if "echo data" in left and "cat" in right and "/dev/null" not in right:
        assert done.stdout == b"data\n"


@shells
def test_a_pipe_keeps_both_sides_errors_and_exact_bytes(shell: list[str]) -> None:
    done = run(shell, piped("echo l >&2; cat /bin/true", "cat; echo r >&2"))
    assert done.stdout == Path("/bin/true").read_bytes()
    assert sorted(done.stderr.split()) == [b"l", b"r"]


@shells
def test_a_pipe_reads_our_input_and_runs_words(shell: list[str]) -> None:
    text = piped(["tr", "a-z", "A-Z"], ["sed", "s/X/it's/"])
    done = subprocess.run([*shell, "-c", text], input=b"axb\n", capture_output=True, timeout=10)
    assert done.stdout == b"Ait'sB\n"


@shells
def test_a_left_side_that_never_ends_stops_with_the_right_one(shell: list[str]) -> None:
    done = run(shell, piped("exec cat /dev/zero", "head -c 10"))
    assert done.stdout == bytes(10)
    assert done.returncode in (141, 1)  # SIGPIPE, or cat's own complaint where it is ignored


@shells
def test_pipes_nest(shell: list[str]) -> None:
    assert run(shell, piped(piped("echo a; exit 5", "cat"), "cat")).returncode == 5
    assert run(shell, piped("echo a", piped("cat; exit 6", "cat"))).returncode == 6


@shells
def test_low_priority_is_low_where_there_are_tools_for_it(shell: list[str]) -> None:
    done = run(shell, low_priority("echo $(($(nice) - 0)); exit 7"))
    assert done.returncode == 7
    assert int(done.stdout) == min(19, os.nice(0) + 10)


@shells
@pytest.mark.skipif(not shutil.which("ionice"), reason="no ionice here")
def test_low_priority_is_that_of_the_disk_too(shell: list[str]) -> None:
    assert run(shell, low_priority("ionice; (ionice)")).stdout == b"best-effort: prio 7\n" * 2


@shells
def test_low_priority_without_such_tools(shell: list[str]) -> None:
    real = shutil.which("sh") or "/bin/sh"
    folder = subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip()
    try:
        os.symlink(real, f"{folder}/sh")
        done = run(shell, b"PATH=" + quote(folder) + b"; export PATH; " + low_priority(["echo", "it's"]))
        assert (done.stdout, done.returncode) == (b"it's\n", 0)
    finally:
        shutil.rmtree(folder)


@shells
def test_wrappers_stack(shell: list[str]) -> None:
    text = b"export LC_ALL=C; " + low_priority(piped("echo x; exit 9", "cat"))
    done = run(shell, line(text))
    assert (done.stdout, done.returncode) == (b"x\n", 9)
