"""Plans: what will be done on which server, as values that can be shown, confirmed, recorded and carried out.

Making a plan reads configuration, ledger and vault; it reaches no server and changes nothing.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from tuibackup import __version__
from tuibackup.config import Config, Server
from tuibackup.errors import LedgerHeldError, TuibackupError, UsageError
from tuibackup.parts import as_text, given_back, parts_of
from tuibackup.remote.connect.agent import agent_is_forwarded as agent_is_forwarded  # faces ask the plan
from tuibackup.run.journal import events as ev
from tuibackup.run.operator import Operator
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.run.unfinished import unfinished
from tuibackup.sop import Clock, Step, expectation
from tuibackup.text import printable, size
from tuibackup.vault.disk import Room, room
from tuibackup.vault.layout import NoVaultYetError, Vault
from tuibackup.vault.names import file_name
from tuibackup.words import joined, sentence

HISTORY = 5  # runs by which a step is judged
_PATIENCE = 2.0  # seconds to wait for a process that holds the ledger


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One run: the steps for `clocks` on one server. Seconds and bytes; holds no secret."""

    run: str
    request: str
    server: str
    clocks: frozenset[Clock]
    full: bool
    operator: Operator
    label: str = ""
    expected: dict[Step, float] = {}
    standards: dict[Step, float] = {}
    estimate_bytes: int | None = None
    again: dict[Clock, str] = {}  # why a clock is tried again
    reason: str = ""  # for a step that may take longer than its standard, given beforehand

    said: dict[str, dict[str, Any]] = {}  # on the way to its process: the parts of its sentences

    @property
    def steps(self) -> tuple[Step, ...]:
        return steps_of(self.clocks)

    def planned(self) -> ev.RunPlanned:
        """The first line of the run's journal."""
        return ev.RunPlanned(
            time=ev.now(),
            run=self.run,
            server=self.server,
            request=self.request,
            clocks=tuple(clock for clock in Clock if clock in self.clocks),
            full=self.full,
            operator=self.operator.name,
            label=self.label,
            expected=self.expected,
            standards=self.standards,
            version=__version__,
            again=self.again,
            reason=self.reason,
        )


class PlanSummary(msgspec.Struct, frozen=True):
    """What to know before starting: room in bytes (None: not known), what will be asked, and warnings.

    `bandwidth` is the rule of this hour, "" without one. `fault` says why the vault cannot store anything now; a run
    would fail with it. `resumes` says which runs continue with files that an interrupted one fetched.
    """

    needs_room: int | None
    free: int | None
    total: int | None
    vault: Path
    asks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    fault: str = ""
    bandwidth: str = ""
    resumes: tuple[str, ...] = ()


def encode(plan: Plan) -> bytes:
    """`plan` on its way to its process."""
    return msgspec.json.encode(msgspec.structs.replace(plan, said=parts_of(plan)), enc_hook=as_text)


def decode(data: bytes | msgspec.Raw) -> Plan:
    """The reverse of `encode`."""
    plan = msgspec.json.decode(data, type=Plan)
    told: Plan = given_back(msgspec.structs.replace(plan, said={}), plan.said)
    return told


def steps_of(clocks: frozenset[Clock]) -> tuple[Step, ...]:
    """The SOP's steps that renew `clocks`: always 1, then 2 for files, 3 and 4 for databases."""
    files = (Step.DOWNLOAD,) if Clock.FILES in clocks else ()
    databases = (Step.LOGIN, Step.DUMP) if Clock.DATABASES in clocks else ()
    return (Step.CONNECT, *files, *databases)


def clocks_of(server: Server) -> frozenset[Clock]:
    """The clocks that `server` has by its configuration."""
    return frozenset(server.clocks)


def commands(config: Config, plans: Sequence[Plan]) -> tuple[tuple[str, ...], ...]:
    """The words after `tuibackup` that start the same: servers with the same clocks in one command."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for plan in plans:
        only = () if plan.clocks == clocks_of(config.server(plan.server)) else ("--only", *plan.clocks)
        groups.setdefault((*only, *(("--full",) if plan.full else ())), []).append(plan.server)
    return tuple(("run", *servers, *options) for options, servers in groups.items())


def wants(
    config: Config, servers: Iterable[str], only: Clock | None = None
) -> Mapping[str, frozenset[Clock]]:
    """All clocks (or `only` that one) of the named servers. Raises UsageError for names not configured."""
    chosen = {}
    for name in dict.fromkeys(servers):
        clocks = clocks_of(config.server(name))
        chosen[name] = clocks & {only} if only else clocks
        if not chosen[name]:
            what = (
                sentence("databases")
                if only is Clock.DATABASES
                else sentence("folders")
                if only
                else sentence("anything")
            )
            raise UsageError(sentence("{server} has no {what} to back up", server=name, what=what))
    return chosen


def make_plans(
    config: Config,
    wants: Mapping[str, frozenset[Clock]],
    *,
    full: bool,
    operator: Operator,
    read_only: bool = False,
    again: Mapping[str, Mapping[Clock, str]] | None = None,
    reason: str = "",
) -> tuple[Plan, ...]:
    """One plan for each server, with the times that its history lets expect. Raises LedgerError.

    If another process holds the ledger, the plans come without these times. `again`: why clocks of a server are tried
    again; `reason`: why a step may take longer than its standard.
    """
    moment = datetime.now(UTC)
    request = f"{moment:%Y-%m-%dT%H%M%SZ}-{secrets.token_hex(2)}"
    standards = {Step.CONNECT: config.sop.connect_within, Step.LOGIN: config.sop.login_within}
    expected = _expected(config, wants, read_only=read_only)
    try:
        vault = open_vault(config, create=False)
    except TuibackupError:
        vault = None
    return tuple(
        Plan(
            run=f"{moment:%Y-%m-%dT%H%M%SZ}-{file_name(name)}-{secrets.token_hex(2)}",
            request=request,
            server=name,
            clocks=clocks,
            full=full,
            operator=operator,
            label=config.servers[name].label,
            expected=expected.get(name, {}),
            standards={step: seconds for step, seconds in standards.items() if step in steps_of(clocks)},
            estimate_bytes=estimate(vault, name, clocks) if vault else None,
            again={clock: why for clock, why in (again or {}).get(name, {}).items() if clock in clocks},
            reason=reason,
        )
        for name, clocks in wants.items()
    )


def _expected(
    config: Config, wants: Mapping[str, frozenset[Clock]], *, read_only: bool
) -> Mapping[str, dict[Step, float]]:
    """By server, the seconds that each step should take; only if it has enough history."""
    try:
        with open_ledger(config, read_only=read_only, patience=_PATIENCE) as ledger:
            return {
                name: {
                    step: seconds
                    for step in steps_of(clocks)
                    if (seconds := expectation(ledger.history(name, step, HISTORY))) is not None
                }
                for name, clocks in wants.items()
            }
    except LedgerHeldError:
        return {}


def describe(plans: Iterable[Plan], config: Config) -> PlanSummary:
    """What the plans need and will ask, for the plan dialog and `run --dry-run`."""
    plans = tuple(plans)
    servers = [config.servers[plan.server] for plan in plans]
    estimates = [plan.estimate_bytes for plan in plans]
    known = [bytes_ for bytes_ in estimates if bytes_ is not None]
    there = {
        plan.server: found
        for plan in plans
        if Clock.FILES in plan.clocks and (found := unfinished(config, plan.server, full=plan.full))
    }
    needs = max(0, sum(known) - sum(one.bytes for one in there.values())) if known else None
    warnings = []
    if needs is not None and len(known) < len(estimates):
        warnings.append(sentence("the room needed does not count servers that were never backed up"))
    if agent_is_forwarded() and any(server.key is None for server in servers):
        warnings.append(sentence("your agent is forwarded: a run cannot reconnect after you log out"))
    free = total = None
    fault = ""
    try:
        disk = _room(config, warnings)
    except TuibackupError as error:
        fault = str(error)
    else:
        free, total = disk.free, disk.total
    return PlanSummary(
        needs,
        free,
        total,
        config.vault.path,
        tuple(_asks(plans, config)),
        tuple(warnings),
        fault,
        config.run.rule(datetime.now().astimezone()) or "",
        tuple(joined(": ", (server, str(found))) for server, found in there.items()),
    )


def _room(config: Config, warnings: list[str]) -> Room:
    """The backup disk. A look does not make it a vault: the folder may be empty because the disk is not mounted."""
    try:
        return open_vault(config, create=False).room()
    except NoVaultYetError:
        found = room(config.vault.path)
        warnings.append(
            sentence(
                "{path} becomes the vault with the first run: {free} free on {device}",
                path=config.vault.path,
                free=size(found.free),
                device=printable(found.device),
            )
        )
        return found


def _asks(plans: Iterable[Plan], config: Config) -> Iterable[str]:
    for plan in plans:
        server = config.servers[plan.server]
        if server.password.prompt:
            yield sentence("SSH password of {server}", server=plan.server)
        if Clock.DATABASES in plan.clocks and server.database and server.database.password.prompt:
            yield sentence("database password of {server}", server=plan.server)


def estimate(vault: Vault, server: str, clocks: frozenset[Clock]) -> int | None:
    """Bytes that the newest good snapshots of these clocks take on the disk, the best guess for the next."""
    try:
        latest = [vault.latest(server, clock) for clock in clocks]
    except TuibackupError:
        return None
    stored = [snapshot.summary.stored_bytes for snapshot in latest if snapshot]
    return sum(stored) if len(stored) == len(clocks) else None
