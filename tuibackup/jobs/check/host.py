"""Checks what a run needs of this machine: configuration, vault, ledger, and that nothing ends it at logout."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.jobs.check.answer import Check, State
from tuibackup.jobs.check.notifying import check_notification
from tuibackup.run.places import look_into_ledger, open_vault, runs_folder
from tuibackup.run.plan import agent_is_forwarded
from tuibackup.text import count, printable, size
from tuibackup.vault.disk import require_room, require_writable, room
from tuibackup.vault.layout import NoVaultYetError
from tuibackup.words import joined, sentence, sentence_n

_LOGIND = ("/usr/lib/systemd/logind.conf", "/etc/systemd/logind.conf")
_DROP_INS = ("/usr/lib/systemd/logind.conf.d", "/etc/systemd/logind.conf.d")


def check_host(config: Config, *, read_only: bool = False) -> Iterator[Check]:
    """One check for each thing.

    `read_only`: do not try whether the ledger can be written.
    """
    servers = sentence_n("{count} server", "{count} servers", len(config.servers))
    yield Check(sentence("configuration"), State.OK, joined(": ", (str(config.source), servers)))
    yield _vault(config)
    yield from _state(config)
    yield _ledger(config, read_only=read_only)
    yield from check_notification(config)
    if config.run.bandwidth:
        rule = config.run.rule(datetime.now().astimezone())
        now = sentence("{rule} holds now", rule=rule) if rule else sentence("no limit at this hour")
        yield Check(sentence("bandwidth"), State.OK, now)
    if kills_at_logout():
        yield Check(
            sentence("logout"),
            State.WARNING,
            joined(
                "; ",
                (
                    sentence("logind ends runs when you log out (KillUserProcesses=yes)"),
                    sentence(
                        "start with: systemd-run --user --scope tuibackup, and once: loginctl enable-linger"
                    ),
                ),
            ),
        )
    if agent_is_forwarded():
        yield Check(
            sentence("agent"),
            State.WARNING,
            sentence("your SSH agent is forwarded: a run cannot reconnect after you log out"),
        )


def _ledger(config: Config, *, read_only: bool) -> Check:
    """The ledger, its whole chain read: a second for ten thousand entries."""
    try:
        ledger, fault = look_into_ledger(config, read_only=read_only)
        with ledger:
            number, newer, problems = ledger.count(), ledger.newer(), ledger.verify_chain().problems
    except TuibackupError as error:
        return Check(sentence("ledger"), State.FAILED, str(error))
    if fault:
        return Check(sentence("ledger"), State.FAILED, fault)
    if problems:
        detail = sentence("its chain is broken: {problem}", problem=problems[0].text)
        return Check(sentence("ledger"), State.FAILED, detail)
    entries = sentence_n("{number} entry", "{number} entries", number, number=count(number))
    detail = sentence("{entries}, chain whole", entries=entries)
    if newer:
        written = sentence_n(
            "{count} entry was written by a newer tuibackup; update this one",
            "{count} entries were written by a newer tuibackup; update this one",
            newer,
        )
        return Check(sentence("ledger"), State.WARNING, joined("; ", (detail, written)))
    return Check(sentence("ledger"), State.OK, detail)


def _vault(config: Config) -> Check:
    path, name = config.vault.path, sentence("vault")
    try:
        with suppress(NoVaultYetError):  # no fault: an empty folder becomes the vault at the first run
            open_vault(config, create=False)
        disk = room(path)
        detail = sentence(
            "{path}: {free} of {total} free on {device} ({type})",
            path=path,
            free=size(disk.free),
            total=size(disk.total),
            device=printable(disk.device),
            type=printable(disk.fstype),
        )
        if disk.refusal:
            return Check(name, State.FAILED, disk.refusal)
        require_room(disk, path, 0, config.vault.least_free(disk.total))
    except (TuibackupError, OSError) as error:
        return Check(name, State.FAILED, str(error))
    if disk.warning:
        return Check(name, State.WARNING, joined("; ", (detail, disk.warning)))
    return Check(name, State.OK, detail)


def _state(config: Config) -> Iterator[Check]:
    """The state folder, where runs keep their journals; named only if it cannot be used."""
    try:
        for folder in (config.state, runs_folder(config.state), config.state / "slots"):
            if folder.exists():
                require_writable(folder)
    except (TuibackupError, OSError) as error:
        yield Check(sentence("state folder"), State.FAILED, str(error))


def kills_at_logout() -> bool:
    """Whether logind kills a user's processes at logout; the last setting counts."""
    files = [Path(name) for name in _LOGIND]
    files += sorted(
        (path for folder in _DROP_INS for path in Path(folder).glob("*.conf")), key=lambda p: p.name
    )
    value = "no"
    for path in files:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        for found in re.findall(r"^\s*KillUserProcesses\s*=\s*(\S+)", text, re.MULTILINE):
            value = found.lower()
    return value in ("yes", "true", "on", "1")
