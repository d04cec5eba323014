import os
import time
from pathlib import Path

import pytest

from tuibackup.config import SecretSource
from tuibackup.errors import NeedsOperatorError
from tuibackup.remote.questions import NoAnswers, Question
from tuibackup.run import passwords
from tuibackup.secret import Secret

QUESTION = Question("database-password", "siakad", "password of backup@siakad")


async def resolve(source: SecretSource) -> Secret | None:
    return await passwords.resolve(source, QUESTION, NoAnswers())


def password_file(folder: Path, content: bytes = b"s3cret\nsecond line\n", mode: int = 0o600) -> Path:
    path = folder / "password"
    path.write_bytes(content)
    path.chmod(mode)
    return path


async def test_a_file_gives_its_first_line(tmp_path: Path) -> None:
    assert await resolve(SecretSource(file=password_file(tmp_path))) == Secret("s3cret")
    assert await resolve(SecretSource(file=password_file(tmp_path, "pä ss\r\n".encode()))) == Secret("pä ss")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
async def test_a_file_that_others_may_read_is_refused_with_the_way_out(tmp_path: Path, mode: int) -> None:
    with pytest.raises(passwords.SecretError, match=r"can be read by others; chmod 600 .*/password"):
        await resolve(SecretSource(file=password_file(tmp_path, mode=mode)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
async def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = password_file(tmp_path)
    os.chown(path, 12345, 12345)
    with pytest.raises(passwords.SecretError, match="belongs to somebody else"):
        await resolve(SecretSource(file=path))


async def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    with pytest.raises(passwords.SecretError, match="is not a regular file"):
        await resolve(SecretSource(file=fifo))
    with pytest.raises(passwords.SecretError, match="No such file"):
        await resolve(SecretSource(file=tmp_path / "missing"))
    with pytest.raises(passwords.SecretError, match="empty first line"):
        await resolve(SecretSource(file=password_file(tmp_path, b"\nx\n")))
    with pytest.raises(passwords.SecretError, match="not UTF-8"):
        await resolve(SecretSource(file=password_file(tmp_path, b"\xff\n")))


async def test_a_command_gives_the_first_line_it_prints() -> None:
    assert await resolve(SecretSource(command="printf 'one two\\nthree\\n'")) == Secret("one two")


async def test_a_command_runs_without_a_shell() -> None:
    assert await resolve(SecretSource(command="echo $HOME; id")) == Secret("$HOME; id")


async def test_a_failing_command_is_told_without_what_it_said_or_was_given() -> None:
    with pytest.raises(passwords.SecretError) as caught:
        await resolve(SecretSource(command="sh -c 'echo s3cret; echo s3cret >&2; exit 7' arg-s3cret"))
    assert str(caught.value) == "password_command sh failed with exit status 7"
    with pytest.raises(passwords.SecretError, match="ended by signal 9"):
        await resolve(SecretSource(command="sh -c 'kill -9 $$'"))
    with pytest.raises(passwords.SecretError, match="cannot be started: No such file"):
        await resolve(SecretSource(command="/no/such/command s3cret"))
    with pytest.raises(passwords.SecretError, match="cannot be split"):
        await resolve(SecretSource(command="sh -c 'unfinished"))


async def test_a_command_that_hangs_is_ended_with_everything_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "COMMAND_SECONDS", 0.3)
    pid = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(passwords.SecretError, match="took longer"):
        await resolve(SecretSource(command=f"sh -c 'sleep 60 & echo $! > {pid}; wait'"))
    assert time.monotonic() - began < 30
    assert not runs(int(pid.read_text())), "what the command started is still there"


def runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()  # a zombie only waits for its parent
    except FileNotFoundError:
        return False


async def test_a_question_that_nobody_answers_needs_an_operator() -> None:
    with pytest.raises(NeedsOperatorError, match=r"^needs an operator: password of backup@siakad$"):
        await resolve(SecretSource(prompt=True))


async def test_no_source_is_no_secret() -> None:
    assert await resolve(SecretSource()) is None
