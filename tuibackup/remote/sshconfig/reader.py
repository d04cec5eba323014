"""Reads SSH configuration files as ssh does, for machines that have no ssh to ask (ssh_config(5)).

The first value of an option counts, but for those that may be given several times. Everything is text here; what the
options mean is `sshconfig`'s.
"""

import fnmatch
import getpass
import glob
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from tuibackup.errors import ConnectError
from tuibackup.remote.sshconfig.words import KNOWN, LISTS, REPEATED, WHOLE_LINE, Said, Tokens, printed
from tuibackup.text import printable
from tuibackup.words import joined, sentence

EXEC_SECONDS = 10.0  # for one command of Match exec
_DEEPEST = 16  # files that include each other, as with ssh
_LINE = re.compile(r'\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+|(?=")|$)(.*?)\s*', re.DOTALL)
_EITHER = {"proxyjump": "proxycommand", "proxycommand": "proxyjump"}
_FLAGS = ("all", "canonical", "final")  # words of Match that stand alone
_UNKNOWABLE = ("localnetwork", "version", "sessiontype")  # what only ssh itself can tell


class _Reading(msgspec.Struct):
    """One way through the files: what was found so far, and for whom."""

    original: str  # the host as it was named
    host: str  # … or what it is called after HostName and canonicalisation
    port: int | None
    user: str | None
    found: dict[str, list[str]]
    notes: Callable[[str], None]
    final: bool = False
    wants_final: bool = False
    ignore: list[str] = msgspec.field(default_factory=list)  # IgnoreUnknown


def read(
    files: Sequence[Path], host: str, port: int | None, user: str | None, notes: Callable[[str], None]
) -> Said:
    """What `files` say of `host`; `port` and `user`, where given, come before them.

    `notes` gets what is passed over. Raises ConnectError for a file that cannot be read or makes no sense.
    """
    found: dict[str, list[str]] = {}
    if port is not None:
        found["port"] = [str(port)]
    if user is not None:
        found["user"] = [user]
    first = _Reading(host, host, port, user, found, notes)
    _read_all(first, files)
    named = _host_name(first).lower()
    canonical = _canonical(named, found)
    if canonical or first.wants_final or _canonicalises(found):
        again = _Reading(host, canonical or named, port, user, found, lambda text: None, final=True)
        again.ignore = first.ignore
        _read_all(again, files)
    found["hostname"] = [canonical or _host_name(first)]
    return {name: tuple(values) for name, values in found.items()}


def _host_name(reading: _Reading) -> str:
    named = reading.found.get("hostname", [""])[0]
    return Tokens(host=reading.host).expand(named, "HostName") if named else reading.host


def _canonicalises(found: dict[str, list[str]]) -> bool:
    return found.get("canonicalizehostname", ["no"])[0].lower() in ("yes", "true", "always")


def _canonical(host: str, found: dict[str, list[str]]) -> str:
    """The full name of `host` in the first of CanonicalDomains that has it; "" for none."""
    if not _canonicalises(found) or re.fullmatch(r"[0-9.]+|.*:.*", host):
        return ""
    most = found.get("canonicalizemaxdots", ["1"])[0]
    if host.count(".") > (int(most) if most.isdecimal() else 1):
        return ""
    domains = found.get("canonicaldomains", [""])[0].split()
    for domain in domains:
        name = f"{host.rstrip('.')}.{domain.strip('.')}"
        try:
            socket.getaddrinfo(name, None)
        except (OSError, UnicodeError):
            continue
        return name
    if domains and found.get("canonicalizefallbacklocal", ["yes"])[0].lower() in ("no", "false"):
        raise ConnectError(
            sentence(
                "{host}: has no address in CanonicalDomains ({domains})",
                host=printable(host),
                domains=printable(" ".join(domains)),
            )
        )
    return ""


def _read_all(reading: _Reading, files: Sequence[Path]) -> None:
    for path in files:
        _read(reading, path, active=True, depth=0)


def _read(reading: _Reading, path: Path, *, active: bool, depth: int) -> None:
    """Read one file. `active`: whether what includes it applies; if not, nothing in it does."""
    if depth > _DEEPEST:
        raise ConnectError(
            sentence(
                "{printed}: files include each other more than {deepest} deep",
                printed=printed(path),
                deepest=_DEEPEST,
            )
        )
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")  # comments may be in any encoding
    except OSError as error:
        if depth:  # as with ssh, what is included need not be there
            return
        raise ConnectError(f"{printed(path)}: {error.strerror}") from error
    applies = active
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        place = sentence("{printed} line {number}", printed=printed(path), number=number)
        parts = _LINE.fullmatch(line)
        if parts is None:
            raise ConnectError(
                sentence("{place}: {line} is no option", place=place, line=printable(line.strip()))
            )
        word, rest = parts[1].lower(), parts[2]
        try:
            if word == "host":
                applies = active and _patterns(reading.host, list(_words(rest)))
            elif word == "match":
                applies = _matches(reading, list(_words(rest)), place, active=active)
            elif word == "include":
                for name in _included(list(_words(rest)), path):
                    _read(reading, name, active=applies, depth=depth + 1)
            else:
                _option(reading, word, parts[1], rest, place, applies=applies)
        except ValueError as error:
            raise ConnectError(joined(": ", (place, printable(parts[1]), str(error)))) from error


def _option(reading: _Reading, word: str, written: str, rest: str, place: str, *, applies: bool) -> None:
    if word == "ignoreunknown":
        reading.ignore += rest.replace(",", " ").split() if applies else []
        return
    if word not in KNOWN:
        if applies and not any(fnmatch.fnmatchcase(word, one.lower()) for one in reading.ignore):
            reading.notes(
                sentence(
                    "{place}: {written} is not known here and is ignored",
                    place=place,
                    written=printable(written),
                )
            )
        return
    values = [rest] if word in WHOLE_LINE else list(_words(rest))
    if not values or not values[0]:
        raise ValueError(sentence("its value is missing"))
    if word not in LISTS and word not in WHOLE_LINE and len(values) > 1:
        raise ValueError(sentence("{values} is one word too many", values=printable(values[1])))
    if word == "port" and not (values[0].isdecimal() and 1 <= int(values[0]) <= 65535):
        raise ValueError(sentence("{values} is no port", values=printable(values[0])))
    if not applies:
        return
    value = " ".join(values)
    if word in REPEATED:
        if value not in reading.found.get(word, []):
            reading.found.setdefault(word, []).append(value)
    else:
        reading.found.setdefault(word, [value])
        if word in _EITHER:  # the first of the two counts
            reading.found.setdefault(_EITHER[word], ["none"])


def _words(text: str) -> Iterator[str]:
    """The words of a line: quotes hold them together, and a # that begins one begins a comment."""
    position = 0
    while True:
        while position < len(text) and text[position] in " \t":
            position += 1
        if position == len(text) or text[position] == "#":
            return
        word, quote = "", ""
        while position < len(text):
            character = text[position]
            following = text[position + 1 : position + 2]
            if character == "\\" and following and (following in "\"'\\" or (not quote and following == " ")):
                word += following
                position += 2
                continue
            if quote and character == quote:
                quote = ""
            elif not quote and character in "\"'":
                quote = character
            elif not quote and character in " \t":
                break
            else:
                word += character
            position += 1
        if quote:
            raise ValueError(sentence("a quote is not closed"))
        yield word


def _included(patterns: Sequence[str], path: Path) -> Iterator[Path]:
    """The files that Include names, relative ones beside the user's or the system's configuration."""
    folder = "/etc/ssh" if str(path).startswith("/etc/ssh/") else os.path.expanduser("~/.ssh")
    for pattern in patterns:
        absolute = os.path.join(folder, os.path.expanduser(Tokens().environment(pattern)))
        yield from (Path(name) for name in sorted(glob.glob(absolute)) if os.path.isfile(name))


def _patterns(value: str, patterns: Sequence[str]) -> bool:
    """Whether `value` matches one of `patterns` and none of those that begin with "!"."""
    refused = any(one[0] == "!" and _fits(value, one[1:]) for one in patterns if one)
    return not refused and any(_fits(value, one) for one in patterns if one and one[0] != "!")


def _fits(value: str, pattern: str) -> bool:
    """ssh's patterns know * and ? alone."""
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def _matches(reading: _Reading, words: list[str], place: str, *, active: bool) -> bool:
    """Whether a Match line applies. Commands run only while everything before them did."""
    if not words:
        raise ValueError(sentence("its condition is missing"))
    matches = active
    while words:
        word, equals, value = words.pop(0).partition("=")
        negated, kind = word.startswith("!"), word.removeprefix("!").lower()
        if kind in _FLAGS and not equals:
            reading.wants_final = reading.wants_final or kind == "final"
            result = kind == "all" or reading.final  # "canonical" is just as ssh takes it
        else:
            if not equals:
                if not words:
                    raise ValueError(sentence("{kind} has no value", kind=printable(kind)))
                value = words.pop(0)
            result = matches and _condition(reading, kind, value, place)
            if kind in _UNKNOWABLE:
                matches = False  # also where it is negated
        matches = matches and result != negated
    return matches


def _condition(reading: _Reading, kind: str, value: str, place: str) -> bool:
    found = reading.found
    user = found.get("user", [getpass.getuser()])[0]
    match kind:
        case "host":
            about = reading.host if reading.final else _host_name(reading)
            return _patterns(about, value.lower().split(","))
        case "originalhost":
            return _patterns(reading.original, value.split(","))
        case "user":
            return _patterns(user, value.split(","))
        case "localuser":
            return _patterns(getpass.getuser(), value.split(","))
        case "tagged":
            return _patterns(found.get("tag", [""])[0], value.split(","))
        case "command":
            return _patterns("", value.split(","))
        case "exec":
            port = found.get("port", ["22"])[0]
            if "%r" in value and re.search(r"[^\w.@+-]", user):
                raise ValueError(
                    sentence("the account {user} cannot be part of a command", user=printable(user))
                )
            tokens = Tokens(_host_name(reading), reading.original, port, user)
            return _succeeds(tokens.expand(value, "Match exec"), place)
    if kind not in _UNKNOWABLE:
        raise ValueError(sentence("{kind} is no condition", kind=printable(kind)))
    reading.notes(
        sentence("{place}: Match {kind} cannot be decided here and is ignored", place=place, kind=kind)
    )
    return False


def _succeeds(command: str, place: str) -> bool:
    shell = os.environ.get("SHELL") or "/bin/sh"
    try:
        done = subprocess.run(
            [shell, "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=EXEC_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConnectError(
            sentence(
                "{place}: Match exec did not end within {exec_seconds} s",
                place=place,
                exec_seconds=f"{EXEC_SECONDS:g}",
            )
        ) from None
    except OSError as error:
        raise ConnectError(
            sentence(
                "{place}: Match exec: {shell}: {error}",
                place=place,
                shell=printable(shell),
                error=error.strerror,
            )
        ) from error
    return done.returncode == 0
