"""What sudo says before the tool that it starts, and whether it started it.

sudo warns and then works (a host name it cannot resolve, a limit it may not set, a lecture): a line of it is no
refusal. It refused where its tool did nothing, and only then its words count.
"""

import re
from collections.abc import Sequence

from tuibackup.errors import DownloadError
from tuibackup.text import printable, shorten
from tuibackup.words import sentence

_OF_SUDO = re.compile(
    rb"(?:/\S*/)?sudo: |[Ss]orry, |>>> |.* is not (?:allowed to |in the sudoers)|.*\bmay not run sudo|/\S*sudoers"
)
_WARNING = re.compile(
    rb".*(?:unable to resolve host|setrlimit|unable to send|unable to mail|is world writable|mailer|lecture|"
    rb"This incident|unable to initialize PAM session|unable to stat|timestamp)"
)
_PATH = re.compile(r"allowed to (?:execute|run) '?(/[^\s']+)")
_TERMINAL = re.compile(r"must have a tty|no tty present|terminal is required|requiretty")
_MISSING_RULE = re.compile(r"allowed to|not in the sudoers|may not run|password is required|no tty present")
_ODD = re.compile(r"([@\\!=:,() \"])")  # what sudoers wants a backslash before
_LONGEST = 240


def is_from_sudo(line: bytes) -> bool:
    """Whether a line of stderr is sudo's own, not the tool's."""
    return _OF_SUDO.match(line) is not None


def sudoers_rule(account: str, paths: Sequence[str]) -> str:
    """The line of sudoers that lets `account` run these tools as root."""
    escaped = _ODD.sub(r"\\\1", account)
    return f"{escaped} ALL=(root) NOPASSWD: {', '.join(paths)}"


def refused_by_sudo(server: str, account: str, paths: Sequence[str], said: Sequence[bytes]) -> DownloadError:
    """The error for a tool that sudo did not start, by what it `said`. `paths`: where find and tar lie there."""
    telling = [line for line in said if not _WARNING.match(line)] or said
    words = shorten("; ".join(dict.fromkeys(printable(line.strip()) for line in telling)), _LONGEST)
    if _TERMINAL.search(words) and "password" not in words:
        way_out = sentence("add to sudoers there: Defaults:{account} !requiretty", account=account)
    elif _MISSING_RULE.search(words):
        named = _PATH.search(words)
        way_out = sentence(
            "add to sudoers there: {sudoers_rule} (if it is there already, see secure_path and the "
            "rules below it); or set sudo = false",
            sudoers_rule=sudoers_rule(account, [named[1]] if named else paths),
        )
    else:
        way_out = sentence("see /etc/sudoers and /etc/pam.d/sudo there, or set sudo = false")
    return DownloadError(
        sentence(
            "{server}: sudo -n does not run find and tar there; it says: {words}", server=server, words=words
        ),
        way_out,
    )
