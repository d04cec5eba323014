"""Commands for a new machine, made of what was seen of the old one. Every word of the server's is checked or quoted."""

import re
import shlex
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuibackup.vault.facts import Facts

_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._:-]*")
_NAME = re.compile(r"[a-z_][a-z0-9_.-]*\$?")
_PATH = re.compile(r"/[A-Za-z0-9_./-]*")
_WIDTH = 96
_FIRST_OWN = 1000  # numbers from here on belong to people and applications; below, packages make them
_LAST_OWN = 60000
_INSTALLERS = (
    (("debian", "ubuntu"), "apt-get install -y"),
    (("fedora", "rhel", "centos", "rocky", "almalinux", "ol"), "dnf install -y"),
    (("alpine",), "apk add"),
    (("arch",), "pacman -S --needed"),
)


def install(facts: "Facts") -> list[str]:
    """The lines of one command that installs what somebody asked for; none where that is not known."""
    system = dict(line.partition("=")[::2] for line in facts.part("system").lines)
    family = system.get("ID", "")
    installer = next((words for names, words in _INSTALLERS if family in names), "")
    names = [line.split(" ")[0] for line in facts.part("chosen").lines or facts.part("packages").lines]
    names = [name for name in dict.fromkeys(names) if _PACKAGE.fullmatch(name)]
    if not installer or not names:
        return []
    lines = textwrap.wrap(" ".join(names), _WIDTH, break_long_words=False, break_on_hyphens=False)
    ends = [*(" \\" for _line in lines[1:]), ""]
    return [f"{installer} \\", *(f"  {line}{end}" for line, end in zip(lines, ends, strict=True))]


def accounts(facts: "Facts") -> list[str]:
    """Commands that make the groups and accounts of people and applications, with their old numbers."""
    commands = []
    groups: dict[str, str] = {}
    for line in facts.part("groups").lines:
        name, _, rest = line.partition(":")
        number = rest.partition(":")[0]
        groups[number] = name
        if _NAME.fullmatch(name) and _own(number):
            commands.append(f"getent group {name} >/dev/null || groupadd -g {number} {name}")
    members: dict[str, list[str]] = {}
    for line in facts.part("groups").lines:
        name, _number, those = (*line.split(":"), "", "")[:3]
        for one in those.split(","):
            if _NAME.fullmatch(one) and _NAME.fullmatch(name):
                members.setdefault(one, []).append(name)
    for line in facts.part("accounts").lines:
        words = line.split(":")
        if len(words) != 5:
            continue
        name, number, group, home, shell = words
        if not (_NAME.fullmatch(name) and _own(number) and group.isdigit()):
            continue
        place = f" -d {home}" if _PATH.fullmatch(home) else ""
        place += f" -s {shell}" if _PATH.fullmatch(shell) else ""
        commands.append(f"getent passwd {name} >/dev/null || useradd -u {number} -g {group}{place} {name}")
        commands += [f"usermod -a -G {other} {name}" for other in members.get(name, ())]
    return commands


def put_in_place(folder: str) -> list[str]:
    """Commands for a folder that was restored beside its place, on a machine where that is free."""
    above = folder.rpartition("/")[0] or "/"
    return [
        f"mkdir -p {shlex.quote(above)}",
        f"mv {shlex.quote(f'{folder}.recovered{folder}')} {shlex.quote(folder)}",
    ]


def by_hand(script: str, end: str) -> list[str]:
    """Commands that use a snapshot's restore.sh: is it whole, and back with it."""
    return [f"sh {script} --check", f"sh {script} {end}"]


def _own(number: str) -> bool:
    return number.isdigit() and _FIRST_OWN <= int(number) <= _LAST_OWN
