"""What a server offers: a POSIX shell or not, which find, tar, packers and dump tools, and what its clock says."""

import re
import time

import msgspec

from tuibackup.errors import (
    ConnectionLostError,
    NoChannelError,
    NoShellError,
    RemoteCommandError,
    RemoteTimeoutError,
)
from tuibackup.remote.session import Session
from tuibackup.text import printable
from tuibackup.words import sentence

_SECONDS = 30.0
_LONGEST = 200  # characters of one answer
_FINE = re.compile(r"\.\d*[1-9]")  # the stat of an older BusyBox writes zeros for the fraction of a second

# One round trip. Every answer is a line `word value`, in any order: what starts most programs runs side by side.
# Tools are looked for where commands will find them; dump programs, which are started by their path, in further places
# too.
_TOOLS = rb"""
LC_ALL=C; export LC_ALL
now=$(date +%s.%N 2>/dev/null); echo "date $now"
newline='
'
for tool in find tar stat; do
  if command -v $tool >/dev/null 2>&1; then
    said=$($tool --version 2>/dev/null </dev/null)
    said=${said%%"$newline"*}
    case $said in *BusyBox*|*GNU*) ;; *) help=$($tool --help 2>&1 </dev/null); said="$said ${help%%"$newline"*}" ;; esac
    echo "$tool $said"
    echo "at $(command -v $tool)"
  fi
done &
"""
# Whether it works without a password. Each try stands in the server's log, and one that is refused may send its
# administrator a mail.
_SUDO = b"""
if command -v sudo >/dev/null 2>&1; then
  if sudo -n true >/dev/null 2>&1 </dev/null; then echo "sudo yes"; else echo "sudo no"; fi
fi &
"""
_SUDO_THERE = b"""
command -v sudo >/dev/null 2>&1 && echo "sudo no"
"""
_DUMPS = rb"""
(
  PATH=$PATH:/usr/local/bin:/usr/local/mysql/bin:/usr/local/sbin:/usr/sbin:/sbin; export PATH
  for tool in mariadb-dump mysqldump; do
    path=$(command -v $tool 2>/dev/null) || continue
    said=$($tool --no-defaults --version 2>/dev/null </dev/null)
    echo "dump $path ${said%%"$newline"*}"
  done
) &
"""
_REST = rb"""
echo "os $(uname -srm 2>/dev/null)"
echo "user $(id -un 2>/dev/null)"
echo "uid $(id -u 2>/dev/null)"
stat -c 'times %y' /proc/self /tmp /dev/null / 2>/dev/null
for tool in date xargs readlink; do command -v $tool >/dev/null 2>&1 || echo "lacks $tool"; done
for tool in zstd gzip; do command -v $tool >/dev/null 2>&1 && echo "$tool yes"; done
wait
"""


class Probe(msgspec.Struct, frozen=True):
    """A server's tools. `clock_offset`: seconds its clock is ahead of ours, to some tenths of a second.

    `find`, `tar` and `stat` are "gnu", "busybox", another name's first word, or None where there is none.
    `fine_times`: stat tells times finer than a second. `sudo` says whether `sudo -n true` works (False where that was
    not tried), None where there is no sudo. `at` are the paths of find, tar and stat; `lacks` are smaller tools that it
    has not. `said`: what a server without a shell does instead.
    """

    shell: bool
    os: str = ""
    user: str = ""
    uid: int | None = None
    find: str | None = None
    tar: str | None = None
    tar_version: str = ""
    stat: str | None = None
    fine_times: bool = False
    zstd: bool = False
    gzip: bool = False
    dump_tools: tuple[tuple[str, str], ...] = ()
    sudo: bool | None = None
    clock_offset: float | None = None
    at: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    said: str = ""

    @property
    def find_and_tar(self) -> tuple[str, ...]:
        """The paths of those two, of which a rule for sudo tells."""
        return tuple(path for path in self.at if path.startswith("/") and path.endswith(("/find", "/tar")))


async def probe(session: Session, *, sudo: bool = True, dump_tools: bool = True) -> Probe:
    """Look at the server once. A server without a shell is an answer, no error.

    `sudo`: try it. `dump_tools`: look for them.

    Raises ConnectionLostError, NoChannelError for a server that opens no session, and RemoteTimeoutError for one that
    logs us in and then says nothing.
    """
    before = time.time()
    try:
        script = _TOOLS + (_SUDO if sudo else _SUDO_THERE) + (_DUMPS if dump_tools else b"") + _REST
        said = (await session.run(script, timeout=_SECONDS, limit=64 << 10)).check()
    except NoShellError as error:
        return Probe(shell=False, said=error.said)
    except NoChannelError as error:
        raise NoChannelError(
            sentence("{session}: the server opens no session for commands", session=session.name),
            error.way_out,
        ) from error
    except ConnectionLostError as error:
        raise ConnectionLostError(
            sentence("connection to {session} lost right after the login", session=session.name),
            sentence(
                "if this happens each time, the log of its sshd says why (PermitRootLogin, a limit of logins)"
            ),
        ) from error
    except RemoteTimeoutError:
        raise
    except RemoteCommandError as error:  # an answer without end, or a shell that cannot do even this
        return Probe(shell=False, said=error.message.removeprefix(f"{session.name}: "))
    after = time.time()
    answer = said.stdout
    found: dict[str, str] = {}
    dumps: list[tuple[str, str]] = []
    at: list[str] = []
    lacks: list[str] = []
    times: list[str] = []
    for text in answer.splitlines():
        word, _, value = printable(text[:_LONGEST]).partition(" ")
        if word == "dump":
            path, _, version = value.partition(" ")
            dumps.append((path, version.strip()))
        elif word == "at":
            at.append(value.strip())
        elif word == "times":
            times.append(value)
        elif word == "lacks":
            lacks.append(value.strip())
        else:
            found[word] = value.strip()
    if changed := _changed(answer):
        return Probe(shell=False, said=changed)
    return Probe(  # noqa: S604  # no subprocess: the server has a shell
        shell=True,
        os=found.get("os", ""),
        user=found.get("user", ""),
        uid=_number(found.get("uid", "")),
        find=_make(found.get("find")),
        tar=_make(found.get("tar")),
        tar_version=found.get("tar", "").rpartition(" ")[2] if "GNU" in found.get("tar", "") else "",
        stat=_make(found.get("stat")),
        fine_times=any(map(_FINE.search, times)),
        zstd="zstd" in found,
        gzip="gzip" in found,
        dump_tools=tuple(dumps),
        sudo={"yes": True, "no": False}.get(found.get("sudo", "")),
        clock_offset=_offset(found.get("date", ""), (before + after) / 2),
        at=tuple(sorted(at)),
        lacks=tuple(lacks),
    )


def _changed(answer: bytes) -> str:
    """What stands between us and the server's commands, so that no file would come whole; "" for nothing."""
    if b"\r\n" in answer:
        return sentence("it runs commands in a terminal, which changes what they print")
    return ""


def _make(said: str | None) -> str | None:
    """Whose tool it is, by its version line."""
    if said is None:
        return None
    lower = said.lower()
    if "busybox" in lower:
        return "busybox"
    if "gnu" in lower:
        return "gnu"
    return lower.split(" ")[0] or "unknown"


def _number(said: str) -> int | None:
    """A whole number of sane length; `str.isdigit` alone takes "²" too."""
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 12 else None


def _offset(said: str, ours: float) -> float | None:
    """BusyBox's date knows no nanoseconds and prints %N or nothing."""
    whole, _, rest = said.partition(".")
    seconds, fraction = _number(whole), _number(rest)
    if seconds is None:
        return None
    return round(seconds + (0.5 if fraction is None else float(f"0.{rest}")) - ours, 3)
