"""The page to follow when a server is lost: made for this server, from its snapshots and what was seen of it.

It is a list of blocks, which `layout` lays out. Making it reaches no server and changes nothing.
"""

import shlex
from datetime import datetime
from typing import Any

from tuibackup.config import Config
from tuibackup.jobs.recover.choice import passed_over
from tuibackup.jobs.recover.layout import Block
from tuibackup.jobs.recover.place import outermost
from tuibackup.jobs.recover.rebuild import accounts, by_hand, install, put_in_place
from tuibackup.jobs.recover.recovered import LACKING
from tuibackup.jobs.recover.sources import Expected, Source, Sources
from tuibackup.sop import Clock
from tuibackup.text import count, duration, printable, size, when
from tuibackup.words import _, later, ngettext

_OTHER = "{server}-new"
# What a part of the facts is called, in the order of a rebuild; the packages are told by their command.
_PARTS = {
    "system": later("system"),
    "disks": later("disks and room in use"),
    "mounts": later("mounts"),
    "sources": later("where packages came from"),
    "versions": later("versions"),
    "units": later("services that were enabled, and the server's own"),
    "web": later("web server"),
    "php": later("PHP"),
    "database": later("settings of the database server"),
    "crontabs": later("crontabs (arguments are not kept: they may be passwords)"),
    "listening": later("ports that were listened on"),
    "firewall": later("firewall"),
    "accounts": later("accounts"),
    "groups": later("groups"),
    "packages": later("packages"),
}


def document(config: Config, found: Sources) -> dict[str, Any]:
    """For --json."""
    import msgspec

    facts = msgspec.to_builtins(found.facts) if found.facts else None
    return {
        "server": found.server,
        "host": config.servers[found.server].host if found.server in config.servers else None,
        "vault": printable(str(config.vault.path)),
        "sources": [one.document() for one in found.of],
        "passed-over": [{"snapshot": one.snapshot.spec, "damage": one.damage} for one in found.passed],
        "facts": facts,
        "fault": found.fault or None,
        "commands": [
            one.text
            for one in blocks(config, found, datetime.now().astimezone())
            if one.kind == "code" and one.text.startswith("tuibackup ")
        ],
    }


def blocks(config: Config, found: Sources, now: datetime) -> list[Block]:
    """The page, from top to bottom."""
    server = found.server
    known = config.servers.get(server)
    name = f"{server} – {known.label}" if known and known.label else server
    page = [
        Block("title", _("Recover {server}").format(server=name)),
        Block(
            "text",
            _("Made {time} by tuibackup on this machine. Print it and keep it away from the servers.").format(
                time=f"{now:%Y-%m-%d %H:%M}"
            ),
        ),
    ]
    if known:
        page.append(Block("text", _("It was reached at {host}.").format(host=printable(known.host))))
    page += _what_there_is(config, found, now)
    page.append(Block("part", _("What to do, in this order")))
    steps = (
        _prove, _machine, _packages, _accounts, _make_known, _restore, _database_accounts, _swap, _configure, _try_it,
    )  # fmt: skip
    number = 0
    for step in steps:
        if lines := step(config, found):
            number += 1
            page += [Block("step", f"{number}. {lines[0].text}"), *lines[1:]]
    page += _without_tuibackup(found)
    page += _annex(found, now)
    return page


def _what_there_is(config: Config, found: Sources, now: datetime) -> list[Block]:
    page = [Block("part", _("What there is"))]
    for source in found.of:
        page.append(Block("item", _of_source(source, now)))
        page += [Block("item", f"  {printable(name)}  {size(amount)}") for name, amount in source.parts]
        page.append(Block("item", "  " + _proof(source, now)))
        page.append(Block("item", "  " + _expected(source, now)))
        page += [
            Block("item", "  " + _(passed_over(one)))
            for one in found.passed
            if one.snapshot.clock is source.clock
        ]
    for clock in Clock:
        if found.clock(clock) is None:
            page.append(Block("item", _(LACKING[clock])))
    if found.copy:
        place = _("They lie in the copy {copy}.").format(copy=found.copy[1])
    else:
        folder = printable(str(config.vault.path / found.server))
        place = _("They lie on the backup disk, in {folder}.").format(folder=folder)
    page.append(Block("text", place))
    times = [one.expected.seconds for one in found.of if one.expected]
    if times and len(times) == len(found.of):
        page.append(
            Block(
                "text",
                _("Bringing it all back is expected to take about {time}.").format(time=duration(sum(times))),
            )
        )
    return page


def _of_source(source: Source, now: datetime) -> str:
    if source.clock is Clock.FILES:
        amount = ngettext("{number} file", "{number} files", source.files)
    else:
        amount = ngettext("{number} database", "{number} databases", source.files)
    return _("{snapshot}, made {time}: {amount}, {size}").format(
        snapshot=source.snapshot.spec,
        time=when(source.started, now),
        amount=amount.format(number=count(source.files)),
        size=size(source.bytes),
    )


def _proof(source: Source, now: datetime) -> str:
    if source.damage:
        return _("damaged: {problem}; what is whole comes back, and what does not is named").format(
            problem=_(source.damage)
        )
    if source.drilled:
        return _("a drill proved last {time} that it can be restored").format(time=when(source.drilled, now))
    if source.read_again:
        return _("read again and compared {time}; never drilled").format(time=when(source.read_again, now))
    return _("never drilled: nobody has tried yet whether it can be restored")


def _expected(source: Source, now: datetime) -> str:
    expected: Expected | None = source.expected
    if expected is None:
        return _("how long it takes is not known: a drill measures it; the backup itself took {time}").format(
            time=duration(source.took)
        )
    return _("expected: about {time} ({basis}, {when}: {bytes} in {seconds})").format(
        time=duration(expected.seconds),
        basis=_(expected.basis),
        when=when(expected.time, now),
        bytes=size(expected.bytes_then),
        seconds=duration(expected.seconds_then),
    )


def _prove(_config: Config, found: Sources) -> list[Block]:
    reason = shlex.quote(_("recovery of {server}").format(server=found.server))
    holds = [Block("code", f"tuibackup hold {one.snapshot.spec} --reason {reason}") for one in found.of]
    return [
        Block("", _("Prove the backup first, and make sure that nothing removes it meanwhile")),
        *(Block("code", f"tuibackup verify {one.snapshot.spec}{_from(found)}") for one in found.of),
        *(() if found.copy else holds),
    ]


def _from(found: Sources) -> str:
    """The words that name the copy."""
    return "".join(f" {shlex.quote(word)}" for word in found.copy)


def _machine(_config: Config, found: Sources) -> list[Block]:
    page = [Block("", _("Set up a new machine"))]
    if found.facts is None:
        return [
            *page,
            Block(
                "text",
                found.fault
                or _(
                    "Nothing was kept about the old server: its last backup is of an older version, or facts = false in"
                    " [recover]."
                ),
            ),
        ]
    if found.fault:
        page.append(Block("text", found.fault))
    facts = dict(line.partition("=")[::2] for line in found.facts.part("system").lines if "=" in line)
    if name := facts.get("PRETTY_NAME"):
        page.append(
            Block(
                "item",
                _("system: {name}, kernel {kernel}").format(name=name, kernel=facts.get("kernel", "?")),
            )
        )
    if memory := facts.get("memory_kib", ""):
        words = size(int(memory) * 1024) if memory.isdigit() else memory
        page.append(
            Block(
                "item",
                _("memory {memory}, {processors} processors").format(
                    memory=words, processors=facts.get("processors", "?")
                ),
            )
        )
    if host := facts.get("hostname"):
        page.append(
            Block(
                "item", _("name {name}, time zone {zone}").format(name=host, zone=facts.get("timezone", "?"))
            )
        )
    need = sum(one.bytes for one in found.of)
    page.append(
        Block("item", _("room: {size} are brought back, and twice that is better").format(size=size(need)))
    )
    return page


def _packages(_config: Config, found: Sources) -> list[Block]:
    commands = install(found.facts) if found.facts else []
    if not commands:
        return []
    return [
        Block("", _("Install what somebody had asked for there; first where packages came from, see below")),
        *(Block("code", command) for command in commands),
    ]


def _accounts(_config: Config, found: Sources) -> list[Block]:
    commands = accounts(found.facts) if found.facts else []
    if not commands:
        return []
    return [
        Block("", _("Make the accounts and groups, so that files get their owners; with the old numbers")),
        *(Block("code", command) for command in commands),
    ]


def _make_known(config: Config, found: Sources) -> list[Block]:
    other = _OTHER.format(server=found.server)
    page = [
        Block(
            "",
            _("Make the new machine known as {name}; its database server has to be empty").format(name=other),
        ),
        Block("code", "tuibackup add"),
        Block("code", f"tuibackup trust {other}"),
        Block("code", f"tuibackup check {other}"),
    ]
    known = config.servers.get(found.server)
    if known and known.database:
        page.append(
            Block(
                "text",
                _(
                    "The account that restores needs all rights on the new database server, not only those of a backup."
                ),
            )
        )
    return page


def _restore(config: Config, found: Sources) -> list[Block]:
    other = _OTHER.format(server=found.server)
    approved = " --approved-by NAME --reason TEXT" if config.restore.approval else ""
    page = [
        Block(
            "", _("Bring everything back: folders beside where they belong, databases into the empty server")
        ),
        Block("code", f"tuibackup recover {found.server} --onto {other}{_from(found)} --dry-run"),
        Block("code", f"tuibackup recover {found.server} --onto {other}{_from(found)}{approved}"),
        Block(
            "text",
            _(
                "It is compared with the snapshot, and goes on after a broken connection with the same command."
                " By hand, the same piece by piece:"
            ),
        ),
    ]
    if files := found.clock(Clock.FILES):
        for folder in _folders(files):
            words = f"{shlex.quote(folder)} --into {shlex.quote(f'{other}:{folder}.recovered')}"
            page.append(
                Block(
                    "code",
                    f"tuibackup restore {files.snapshot.spec} {words}{_from(found)}{approved}",
                )
            )
    if databases := found.clock(Clock.DATABASES):
        page += [
            Block(
                "code",
                f"tuibackup restore {databases.snapshot.spec} --database {shlex.quote(printable(name))}"
                f" --into {other}{_from(found)}{approved}",
            )
            for name, _size in databases.parts
        ]
    return page


def _database_accounts(config: Config, found: Sources) -> list[Block]:
    databases = found.clock(Clock.DATABASES)
    if databases is None or not (databases.snapshot.path / "users.sql").exists():
        return []
    folder = databases.snapshot.path
    back = []
    if found.copy:
        words = ("tuibackup", "copy", "--back", *found.copy[1:], found.server)
        back = [Block("code", shlex.join(map(printable, words)))]
        folder = config.vault.path / databases.snapshot.spec
    return [
        Block(
            "", _("Bring back the database accounts and their rights; read the file before you load it there")
        ),
        *back,
        Block("code", f"sh {shlex.quote(printable(str(folder / 'restore.sh')))} --users > users.sql"),
        Block("text", _("On the new machine: mariadb < users.sql (or mysql < users.sql)")),
    ]


def _swap(_config: Config, found: Sources) -> list[Block]:
    files = found.clock(Clock.FILES)
    if files is None:
        return []
    page = [
        Block(
            "",
            _("On the new machine, put the folders in their place; the recovery prints the exact commands"),
        ),
    ]
    page += [Block("code", command) for folder in _folders(files) for command in put_in_place(folder)]
    return page


def _configure(_config: Config, found: Sources) -> list[Block]:
    if found.facts is None:
        return []
    return [
        Block(
            "", _("Set up web server, PHP, crontabs, services, mounts and firewall as they were: see below")
        ),
        Block(
            "text",
            _(
                "Passwords, keys and certificates are in no backup of these facts: they come from their owners."
            ),
        ),
    ]


def _try_it(_config: Config, found: Sources) -> list[Block]:
    recovered = shlex.quote(_("recovered"))
    return [
        Block(
            "", _("Try the application; then let name and address lead to the new machine, and back it up")
        ),
        Block("code", f"tuibackup edit {found.server}"),
        Block("code", f"tuibackup trust {found.server}"),
        Block("code", f"tuibackup run {found.server}"),
        Block("code", f"tuibackup note --server {found.server} {recovered}"),
        *(
            ()
            if found.copy
            else (
                Block("code", f"tuibackup release {one.snapshot.spec} --reason {recovered}")
                for one in found.of
            )
        ),
    ]


def _without_tuibackup(found: Sources) -> list[Block]:
    if found.copy:
        return [
            Block("part", _("Without tuibackup")),
            Block(
                "text",
                _("docs/recovery.md of tuibackup tells how a copy is read with sh, age, tar and zstd."),
            ),
        ]
    page = [
        Block("part", _("Without tuibackup")),
        Block("text", _("With sh, tar and zstd, where the backup disk is mounted:")),
    ]
    for source in found.of:
        script = shlex.quote(str(source.snapshot.path / "restore.sh"))
        end = "DIR" if source.clock is Clock.FILES else "| mariadb"
        page += [Block("code", command) for command in by_hand(script, end)]
    return page


def _annex(found: Sources, now: datetime) -> list[Block]:
    if found.facts is None:
        return []
    seen = when(datetime.fromisoformat(found.facts.gathered), now)
    page = [Block("part", _("What was on the old server, as the run of {time} saw it").format(time=seen))]
    for name, words in _PARTS.items():
        part = found.facts.part(name)
        if not part.lines and not part.unread:
            continue
        page.append(Block("step", _(words)))
        page += [Block("text", _("not read: {reason}").format(reason=_(reason))) for reason in part.unread]
        page += [Block("code", line) for line in part.lines]
        if part.more:
            page.append(Block("text", _("there was more, which is left out")))
    return page


def _folders(files: Source) -> list[str]:
    names = outermost([name.encode(errors="surrogateescape") for name, _size in files.parts])
    return [printable(name) for name in names]
