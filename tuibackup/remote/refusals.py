"""What a server says instead of doing what it was asked for: its own words, and the way out that fits them."""

import re

from tuibackup.errors import NoShellError
from tuibackup.remote.command import Exit
from tuibackup.text import printable, shorten
from tuibackup.words import sentence

_LINES = 3  # of a server's words
_LONGEST = 240  # cells of them
_ECHO = re.compile(rb"\W*exec sh -c .*")  # our own command, as git-shell and others repeat it
_FORCED = sentence("take command= out of the key's line in authorized_keys there, or use another key")
_WAYS_OUT = (
    (
        r"password.*(expired|change)|(required|must) .*change",
        sentence(
            "log in once by hand with ssh and change it; on the server, chage -M -1 ACCOUNT keeps it "
            "from expiring"
        ),
    ),
    (r"account.*expired", sentence("on the server: chage -E -1 ACCOUNT")),
    (
        r"not (currently )?available|nologin",
        sentence("give the account a shell: usermod -s /bin/sh ACCOUNT"),
    ),
    (
        r"\bsh: .*not found",
        sentence("its PATH must lead to sh, find and tar: see that account's start-up files"),
    ),
    (r"rsync", sentence("this key may run rsync only: {forced}", forced=_FORCED)),
    (
        r"unrecognized command|\bgit\b|\bborg\b|restic|rclone",
        sentence("this key or account is for something else: {forced}", forced=_FORCED),
    ),
    (
        r"sftp",
        sentence(
            "this key or account is for SFTP only: {forced}, or see ForceCommand in sshd_config",
            forced=_FORCED,
        ),
    ),
)
_ANY = sentence(
    "does it have a POSIX shell, and no other command forced? {forced}; or see ForceCommand in sshd_config",
    forced=_FORCED,
)


def words(*outputs: bytes) -> str:
    """The last lines of the first of `outputs` that has any, on one clean line; "" for none, or no text."""
    for output in outputs:
        lines = [_ECHO.sub(b"", line.strip()) for line in output.splitlines() if line.strip()]
        if lines and not re.search(rb"[\0-\x06]", output):
            return shorten(" ".join(printable(line) for line in lines[-_LINES:]), _LONGEST)
    return ""


def not_carried_out(server: str, stdout: bytes, stderr: bytes, ended: Exit | None) -> NoShellError:
    """The error for a command that was never begun, by what came in its place."""
    said = words(stderr, stdout)
    how = (
        sentence('it says: "{said}"', said=said)
        if said
        else sentence("it {ended}, without a word", ended=ended)
        if ended
        else sentence("no word came")
    )
    return NoShellError(
        sentence("{server}: did not run our command: {how}", server=server, how=how), way_out(said), how
    )


def refuses(said: str) -> bool:
    """Whether words that came with a login say that it is refused."""
    return (
        re.search(r"expired|locked|disabled|denied|not allowed|change your password|logins? ", said.lower())
        is not None
    )


def way_out(said: str) -> str:
    """What to do about a server that says this instead of running a command."""
    lower = said.lower()
    return next((way for pattern, way in _WAYS_OUT if re.search(pattern, lower)), _ANY)
