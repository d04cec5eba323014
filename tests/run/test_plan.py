from collections.abc import Callable

import pytest

from tests.run.conftest import ANDI, publish
from tests.run.planned import BOTH, SERVERS
from tuibackup.config import Config
from tuibackup.errors import UsageError
from tuibackup.ledger.entries import Kind
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.run.plan import Plan, describe, make_plans, wants
from tuibackup.run.process.recovery import recover
from tuibackup.sop import Clock, Step


def test_a_plan_wants_what_the_server_has(configure: Callable[..., Config]) -> None:
    config = configure(SERVERS)
    assert wants(config, ["siakad", "files-only", "siakad"]) == {
        "siakad": BOTH,
        "files-only": frozenset({Clock.FILES}),
    }
    assert wants(config, ["siakad"], Clock.DATABASES) == {"siakad": frozenset({Clock.DATABASES})}
    with pytest.raises(UsageError, match="files-only has no databases to back up"):
        wants(config, ["files-only"], Clock.DATABASES)
    with pytest.raises(UsageError, match=r'no server "sia\\x1bkad" in .*config.toml'):
        wants(config, ["sia\x1bkad"])


def test_a_plan_is_judged_by_this_servers_own_history(configure: Callable[..., Config]) -> None:
    config = configure(SERVERS)
    with open_ledger(config) as ledger:
        for seconds in (10, 20, 30):
            body = {"step": "download", "outcome": "done", "seconds": seconds}
            ledger.append(Kind.STEP, body, operator="andi", server="siakad")
        body = {"step": "dump", "outcome": "done", "seconds": 5}
        ledger.append(Kind.STEP, body, operator="andi", server="siakad")
    one, other = make_plans(config, wants(config, config.servers), full=True, operator=ANDI)
    assert one.expected == {Step.DOWNLOAD: 20.0}, "below three there is no judgement"
    assert one.standards == {Step.CONNECT: 600.0, Step.LOGIN: 300.0}
    assert one.steps == tuple(Step)
    assert other.steps == (Step.CONNECT, Step.DOWNLOAD)
    assert other.standards == {Step.CONNECT: 600.0}
    assert one.request == other.request
    assert one.run != other.run
    assert one.planned().label == "SIAKAD"


def test_a_plan_survives_the_way_to_its_process(config: Config) -> None:
    import msgspec

    (plan,) = make_plans(config, wants(config, ["siakad"]), full=False, operator=ANDI)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


def test_the_summary_tells_room_questions_and_warnings(configure: Callable[..., Config]) -> None:
    config = configure(SERVERS)
    plans = make_plans(config, wants(config, config.servers), full=False, operator=ANDI)
    summary = describe(plans, config)
    assert summary.needs_room is None
    assert summary.free is not None
    assert summary.asks == ("database password of siakad", "SSH password of files-only")
    assert summary.fault == ""
    assert any("becomes the vault" in text for text in summary.warnings)
    assert list(config.vault.path.iterdir()) == [], "looking makes no vault: the disk may not be mounted yet"
    (config.vault.path / "photos").mkdir()
    assert "not empty" in describe(plans, config).fault
    (config.vault.path / "photos").rmdir()
    open_vault(config)
    assert not any("becomes the vault" in text for text in describe(plans, config).warnings)
    config.vault.path.rename(config.vault.path.with_name("gone"))
    assert "not mounted" in describe(plans, config).fault


def test_room_is_estimated_from_the_last_good_snapshots(config: Config, plan: Plan) -> None:
    snapshot = publish(config, plan)
    recover(config)
    (databases,) = make_plans(config, wants(config, ["siakad"], Clock.DATABASES), full=False, operator=ANDI)
    assert databases.estimate_bytes == snapshot.summary.stored_bytes > 0
    (both,) = make_plans(config, wants(config, ["siakad"]), full=False, operator=ANDI)
    assert both.estimate_bytes is None, "the files were never stored: nothing is known"
