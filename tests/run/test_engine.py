"""Whole runs in this process: real sshd, real mariadbd, real vault and ledger."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.run.conftest import ANDI, Site, database_table
from tests.run.whole import entries, no_leftovers, run
from tuibackup.config import Config
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.ledger.entries import Kind
from tuibackup.remote.questions import Question
from tuibackup.run.engine import back_up
from tuibackup.run.journal import events as ev
from tuibackup.run.journal import journal as jr
from tuibackup.run.locks import server_lock
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.run.plan import make_plans, wants
from tuibackup.sop import Clock, Outcome, Step
from tuibackup.vault.verify import verify


async def test_a_whole_run_is_stored_recorded_and_told(both: Config, site: Site) -> None:
    told = await run(both)
    assert told.finished.outcome is Outcome.DONE, told.finished
    assert told.finished.exit_code == 0
    assert told.finished.error == ""
    assert [(step.step, step.outcome) for step in told.view.steps.values()] == [
        (step, Outcome.DONE) for step in Step
    ]
    assert told.view.steps[Step.CONNECT].detail.startswith("ssh-ed25519 SHA256:")
    assert told.view.steps[Step.LOGIN].detail.endswith("2 databases")
    vault = open_vault(both)
    files, databases = vault.snapshots("siakad")
    assert told.finished.files is not None
    assert told.finished.databases is not None
    assert (told.finished.files.snapshot, told.finished.databases.snapshot) == (files.spec, databases.spec)
    assert told.finished.files.whole
    assert files.summary.run == told.plan.run
    assert files.summary.host_key.startswith("ssh-ed25519 SHA256:")
    for snapshot in (files, databases):
        assert verify(snapshot).problems == ()
    kinds = [entry.kind for entry in entries(both, told)]
    assert kinds == [Kind.STEP, Kind.NEEDS, Kind.STEP, Kind.STEP, Kind.STEP, Kind.RUN]
    with open_ledger(both) as ledger:
        assert all(ledger.clock_facts()["siakad", clock].good for clock in Clock)
    assert no_leftovers(both)


@pytest.mark.long
async def test_the_ledger_has_the_needs_and_each_steps_time_beside_its_standard(both: Config) -> None:
    told = await run(both)
    connect, needs, download, _login, _dump, whole = [entry.body for entry in entries(both, told)]
    assert connect["standard"] == 600.0
    assert 0 < connect["seconds"] < 30
    assert [need["need"] for need in needs["needs"]] == [
        "connection",
        "host key",
        "tools",
        "room on the backup disk",
        "database access",
        "dump tool",
        "database privileges",
        "what there is to dump",
        "limits of the dump",
        "long queries",
    ]
    assert all(need["ok"] for need in needs["needs"]), needs
    assert needs["operator"] == {
        "name": "andi",
        "login": "andi",
        "client": "10.0.0.7",
        "chosen": False,
        "sudo": "",
        "account": "",
    }
    assert download["standard"] is None
    assert whole["clocks"]["files"]["snapshot"].startswith("siakad/files/")
    assert "3 files" in whole["detail"]
    assert "2 databases" in whole["detail"]


async def test_a_second_run_replaces_nothing(both: Config) -> None:
    first = await run(both, Clock.FILES)
    second = await run(both, Clock.FILES)
    assert second.finished.outcome is Outcome.DONE
    one, two = open_vault(both).snapshots("siakad", Clock.FILES)
    assert first.finished.files is not None
    assert one.spec == first.finished.files.snapshot
    assert two.sequence > one.sequence
    assert verify(one).ok


async def test_a_missing_folder_is_a_warning_that_does_not_reset_the_clock(site: Site) -> None:
    config = site.configure(site.table().replace(f'["{site.www}"]', f'["{site.www}", "/no/such/folder"]'))
    told = await run(config)
    assert told.finished.outcome is Outcome.WARNINGS
    assert told.finished.exit_code == 3
    assert told.finished.files is not None
    assert not told.finished.files.whole
    assert any(finding.mark and finding.subject == "/no/such/folder" for finding in told.view.findings)
    with open_ledger(config) as ledger:
        assert ledger.clock_facts()["siakad", Clock.FILES].good is None
    assert open_vault(config).latest("siakad", Clock.FILES) is None


@pytest.mark.long
async def test_a_failed_download_does_not_keep_the_databases_from_being_stored(
    both: Config, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("s3cret")

    monkeypatch.setattr("tuibackup.files.download.download", broken)
    told = await run(both)
    assert told.finished.outcome is Outcome.FAILED
    assert told.finished.exit_code == 1
    assert told.finished.files is not None
    assert told.finished.files.outcome is Outcome.FAILED
    assert told.finished.databases is not None
    assert told.finished.databases.outcome is Outcome.DONE
    assert told.finished.error.startswith("internal error ZeroDivisionError in ")
    (crash,) = (both.state / "crash").iterdir()
    assert str(crash) in told.finished.error
    assert crash.stat().st_mode & 0o777 == 0o600
    assert no_leftovers(both)


async def test_a_wrong_database_password_leaves_the_files_stored(
    site: Site, databases: PrivateMariadb, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("s3cret-wrong\n")
    password.chmod(0o600)
    more = f'user = "backup"\npassword_file = "{password}"'
    config = site.configure(site.table(more=database_table(databases, more)))
    told = await run(config)
    assert told.finished.files is not None
    assert told.finished.files.outcome is Outcome.DONE
    assert told.finished.databases is not None
    assert told.finished.databases.outcome is Outcome.FAILED
    assert "refuses backup with the password given" in told.finished.error
    assert [need for need, met, _ in told.view.needs if not met] == ["database access"]
    assert told.view.steps[Step.DUMP].started == "", "what cannot be dumped is not tried"
    for path in config.state.rglob("*"):
        assert not path.is_file() or b"s3cret" not in path.read_bytes(), path


async def test_a_host_that_refuses_fails_every_clock_in_one_line(site: Site) -> None:
    config = site.configure(site.table().replace(f"port = {site.sshd.port}", "port = 1"))
    told = await run(config)
    assert told.finished.outcome is Outcome.FAILED
    assert told.finished.error == "127.0.0.1 port 1 refused; is sshd running there?"
    assert told.finished.files is not None
    assert told.finished.files.outcome is Outcome.FAILED
    assert [entry.kind for entry in entries(config, told)] == [Kind.STEP, Kind.NEEDS, Kind.RUN]
    assert told.finished.seconds < 10


async def test_an_unknown_host_key_is_refused_without_a_face(site: Site) -> None:
    config = site.configure(trusted=False)
    told = await run(config)
    assert told.finished.outcome is Outcome.FAILED
    assert "its host key is not known" in told.finished.error
    assert told.finished.error.endswith("tuibackup trust siakad")
    assert [type(event) for event in told.of(ev.RunAsked)] == [ev.RunAsked]


class Answering:
    """Answers, and remembers what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[Question] = []
        self.readied = False

    async def ask(self, question: Question) -> str | None:
        self.asked.append(question)
        return self.answers.pop(0) if self.answers else None

    async def ready(self) -> None:
        self.readied = True


async def test_an_unknown_host_key_is_accepted_by_the_face_and_known_from_then_on(site: Site) -> None:
    config = site.configure(trusted=False)
    face = Answering("yes")
    told = await run(config, answers=face)
    assert told.finished.outcome is Outcome.DONE, told.finished.error
    assert [question.kind for question in face.asked] == ["host-key"]
    assert face.readied
    again = await run(config)
    assert again.finished.outcome is Outcome.DONE


@pytest.mark.long
async def test_a_database_password_is_asked_once_and_again_when_it_was_wrong(
    site: Site, databases: PrivateMariadb
) -> None:
    more = 'user = "backup"\nprompt = true'
    config = site.configure(site.table(more=database_table(databases, more)))
    face = Answering("wr0ng", "right")
    told = await run(config, Clock.DATABASES, answers=face)
    assert told.finished.outcome is Outcome.DONE, told.finished.error
    assert [question.kind for question in face.asked] == ["database-password"] * 2
    assert "refuses backup" in face.asked[1].detail[0]
    assert [event.answered for event in told.of(ev.RunAsked)] == [True, True]  # type: ignore[attr-defined]
    for path in config.state.rglob("*"):
        assert not path.is_file() or b"wr0ng" not in path.read_bytes(), path
    nobody = await run(config, Clock.DATABASES)
    assert nobody.finished.error == f"needs an operator: {face.asked[0].text}"


async def test_a_second_run_on_the_same_server_is_refused_with_its_holder(site: Site) -> None:
    config = site.configure()
    with server_lock(open_vault(config), "siakad", run="the-first", operator="siti"):
        told = await run(config)
    assert told.finished.exit_code == 11
    assert told.finished.error == (
        "siakad is held by run the-first of siti; follow it: tuibackup follow the-first"
    )
    assert [entry.kind for entry in entries(config, told)] == [Kind.RUN]
    with open_ledger(config) as ledger:
        assert ledger.clock_facts() == {}, "nothing was tried: the clocks stay as they are"


async def test_a_vault_that_is_gone_is_found_before_connecting(site: Site) -> None:
    config = site.configure()
    assert (await run(config)).finished.outcome is Outcome.DONE
    config.vault.path.rename(config.vault.path.with_name("unmounted"))
    told = await run(config)
    assert told.finished.exit_code == 1
    assert "backup disk not mounted?" in told.finished.error
    assert told.of(ev.StepStarted) == []
    config.vault.path.mkdir()
    told = await run(config)
    assert "the vault that was here is gone" in told.finished.error
    assert list(config.vault.path.iterdir()) == [], "nothing is made on the wrong disk"


async def test_a_disk_without_enough_room_is_refused_before_connecting(site: Site) -> None:
    config = site.configure(min_free="99.9%")
    told = await run(config)
    assert told.finished.exit_code == 1
    assert "are to stay free" in told.finished.error
    assert told.of(ev.StepStarted) == []


async def test_a_ledger_that_cannot_be_opened_refuses_the_run(site: Site) -> None:
    config = site.configure()
    (plan,) = make_plans(config, wants(config, ["siakad"]), full=False, operator=ANDI)
    for path in config.state.glob("ledger.sqlite*"):
        path.unlink()
    (config.state / "ledger.sqlite").write_bytes(b"not a database" * 100)
    with jr.Journal.create(config.state, plan.planned()) as journal:
        finished = await back_up(plan, config, journal=journal)
    assert finished.outcome is Outcome.FAILED
    assert "ledger" in finished.error
    assert not list(config.vault.path.iterdir())


def test_what_each_fixture_writes_is_valid(site: Site, configure: Callable[..., Config]) -> None:
    assert set(site.configure().servers) == {"siakad"}
