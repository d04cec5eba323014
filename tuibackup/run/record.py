"""What a run records in the ledger: the bodies of its entries (*pencatatan dan pendataan*)."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tuibackup.parts import plain
from tuibackup.progress import Finding
from tuibackup.run.journal import events as ev
from tuibackup.run.operator import Operator
from tuibackup.run.plan import Plan
from tuibackup.run.stop import Stop
from tuibackup.sop import Clock, Outcome, Step
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.sums import sum_of_sums
from tuibackup.words import joined, sentence

if TYPE_CHECKING:
    from tuibackup.remote.connect.hostkeys import HostKey

FINDINGS = 100  # of one step in the ledger; the snapshot's own lists hold all


def needs_body(needs: Iterable[tuple[str, bool, str]], plan: Plan) -> dict[str, Any]:
    """*Mencatat kebutuhan*: what the run needs, whether it has it, and who carries it out."""
    return {
        "needs": [{"need": need, "ok": met, "detail": detail} for need, met, detail in needs],
        "clocks": [clock.value for clock in Clock if clock in plan.clocks],
        "operator": operator_body(plan.operator),
    }


def operator_body(operator: Operator) -> dict[str, Any]:
    """Everything known of the operator; the entry's own column holds the name."""
    body: dict[str, Any] = msgspec.to_builtins(operator)
    return body


def trust_body(where: str, key: "HostKey", during: str, fault: str) -> dict[str, Any]:
    """A host key that the operator accepted `during` a run, a check, a restore …"""
    told = f"{key.algorithm} {key.fingerprint}"
    detail = sentence(
        "{where}: host key {told} accepted during {during}", where=where, told=told, during=sentence(during)
    )
    return {
        "outcome": "warnings" if fault else "done",
        "where": where,
        "host_key": told,
        "during": during,
        "detail": sentence("{detail}, for this time only: {fault}", detail=detail, fault=fault)
        if fault
        else detail,
    }


def step_body(
    finished: ev.StepFinished, plan: Plan, findings: Iterable[Finding], findings_total: int
) -> dict[str, Any]:
    """One step: its actual time beside its standard (steps 1 and 3) or what history let expect (2 and 4)."""
    step: Step = finished.step
    body: dict[str, Any] = {
        "step": step.value,
        "outcome": finished.outcome.value,
        "seconds": finished.seconds,
        "standard": plan.standards.get(step),
        "expected": plan.expected.get(step),
        "slow": finished.slow,
        "detail": finished.detail,
    }
    if findings_total:
        # what keeps the clock from being renewed stays, however many others there are
        kept = sorted(findings, key=lambda finding: not finding.mark)[:FINDINGS]
        body["findings"] = [{"subject": f.subject, "reason": f.reason, "mark": f.mark} for f in kept]
        body["findings_total"] = findings_total
    return body


def run_body(finished: ev.RunFinished, plan: Plan, stop: Stop) -> dict[str, Any]:
    """The whole run, with each clock's own outcome, and everything known of who carried it out and who stopped it."""
    stopped = {"stopped_by": operator_body(stop.who or Operator(stop.by))} if stop.by else {}
    return {
        **stopped,
        **finished_body(finished),
        "full": plan.full,
        **({"again": {clock.value: why for clock, why in plan.again.items()}} if plan.again else {}),
        "request": plan.request,
        "operator": operator_body(plan.operator),
    }


def note_body(text: str, operator: Operator) -> dict[str, Any]:
    """What an operator wrote about a run, a server, or at all."""
    return {"text": text, "operator": operator_body(operator)}


def finished_body(finished: ev.RunFinished) -> dict[str, Any]:
    """What `run-finished` tells, as the ledger keeps it."""
    clocks = {Clock.FILES: finished.files, Clock.DATABASES: finished.databases}
    return {
        "outcome": finished.outcome.value,
        "exit_code": finished.exit_code,
        "clocks": clocks_body(clocks),
        "seconds": finished.seconds,
        "error": finished.error,
        "detail": joined(" · ", (result.detail for result in clocks.values() if result and result.snapshot)),
        "findings": finished.findings,
        **({"slow": msgspec.to_builtins(finished.slow)} if finished.slow else {}),
    }


def finished_of(body: Mapping[str, Any], planned: ev.RunPlanned) -> ev.RunFinished:
    """The reverse of `finished_body`, for a run that could not write its last line."""
    clocks = msgspec.convert(body.get("clocks", {}), dict[str, ev.ClockResult])
    outcome = Outcome(body["outcome"])
    return ev.RunFinished(
        time=ev.now(),
        run=planned.run,
        server=planned.server,
        outcome=outcome,
        seconds=float(body.get("seconds") or 0.0),
        exit_code=int(body.get("exit_code", 1)),
        files=clocks.get(Clock.FILES),
        databases=clocks.get(Clock.DATABASES),
        error=str(body.get("error") or ""),
        findings=int(body.get("findings") or 0),
        slow=msgspec.convert(body.get("slow", []), tuple[ev.Slow, ...]),
    )


def clocks_body(clocks: Mapping[Clock, ev.ClockResult | None]) -> dict[str, Any]:
    """Each clock that the run was to renew, as `run-finished` tells it."""
    return {clock.value: plain(result) for clock, result in clocks.items() if result is not None}


def clock_of(
    snapshot: Snapshot, detail: str = "", *, changed: int | None = None, new: int | None = None
) -> ev.ClockResult:
    """A clock's result as its snapshot tells it; `changed` and `new` it does not tell. Raises VaultError."""
    summary = snapshot.summary
    return ev.ClockResult(
        outcome=summary.outcome,
        whole=summary.whole,
        snapshot=snapshot.spec,
        started=summary.started,
        items=summary.files,
        bytes=summary.bytes,
        stored=summary.stored_bytes,
        detail=detail,
        changed=changed,
        new=new,
        sums=sum_of_sums(snapshot.path),
    )
