"""Questions of runs as dialogs: one at a time, named, no answer is no; secrets stay out of everything else."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

import pytest

from tests.tui import pictures
from tests.tui.conftest import Opener
from tuibackup.remote.questions import Question
from tuibackup.run.operator import Operator
from tuibackup.run.plan import Plan
from tuibackup.run.process import start
from tuibackup.run.process.request import Request
from tuibackup.sop import Clock
from tuibackup.tui.screens.question import Ask

PASSPHRASE = Question("passphrase", "siakad", "passphrase of ~/.ssh/id_ed25519")
HOST_KEY = Question(
    "host-key",
    "lms",
    "accept it?",
    secret=False,
    detail=("10.10.0.7 shows ssh-ed25519 SHA256:Kp2", "on its console: ssh-keygen -lf /etc/ssh/host.pub"),
)


class FakeAsked:
    """As run.request.Asked, without a run."""

    def __init__(self, question: Question) -> None:
        self.run = question.server
        self.question = question
        self.closed = asyncio.Event()
        self.answers: list[str | None] = []

    def answer(self, text: str | None) -> None:
        if not self.closed.is_set():
            self.closed.set()
            self.answers.append(text)


class FakeRequest(Request):
    """A request without runs: gives its questions one after the other."""

    def __init__(self, questions: Iterable[Question]) -> None:
        super().__init__((), (), [])
        self.questions = [FakeAsked(question) for question in questions]

    async def asked(self) -> AsyncGenerator[FakeAsked, None]:  # type: ignore[override]
        for asked in self.questions:
            yield asked


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> object:
    """Makes `start` return a request with these questions."""

    def make(*questions: Question) -> FakeRequest:
        request = FakeRequest(questions)
        monkeypatch.setattr(start, "start", lambda plans, path: request)
        return request

    return make


PLANS = (
    Plan(
        run="r",
        request="q",
        server="siakad",
        clocks=frozenset({Clock.FILES}),
        full=False,
        operator=Operator("andi"),
    ),
)


async def test_a_dialog_names_the_server_and_hides_the_secret(cockpit: Opener, ask: object) -> None:
    request = ask(PASSPHRASE)  # type: ignore[operator]  # a fixture's function
    async with cockpit(pictures.drawn()) as seat:
        seat.app.backups._planned(PLANS)
        await seat.until("Passphrase for siakad")
        assert "passphrase of ~/.ssh/id_ed25519" in seat.screen
        await seat.press(*"sesame")
        assert "sesame" not in seat.screen
        assert "••••••" in seat.screen
        await seat.press("enter")
        assert request.questions[0].answers == ["sesame"]
        assert seat.app.screen is seat.app.main


async def test_escape_is_no(cockpit: Opener, ask: object) -> None:
    request = ask(HOST_KEY)  # type: ignore[operator]  # a fixture's function
    async with cockpit(pictures.drawn()) as seat:
        seat.app.backups._planned(PLANS)
        await seat.until("Host key of lms")
        assert "ssh-ed25519 SHA256:Kp2" in seat.screen
        assert "on its console:" in seat.screen
        await seat.press("escape")
        assert request.questions[0].answers == [None]


async def test_a_host_key_is_accepted_by_typing_yes_and_a_stray_key_accepts_nothing(
    cockpit: Opener, ask: object
) -> None:
    request = ask(HOST_KEY, HOST_KEY)  # type: ignore[operator]  # a fixture's function
    async with cockpit(pictures.drawn()) as seat:
        seat.app.backups._planned(PLANS)
        await seat.until("Host key of lms")
        await seat.press("y", "enter")
        while not request.questions[0].answers:
            await seat.pilot.pause(0.02)
        await seat.until("Host key of lms")
        await seat.press(*"yes", "enter")
        await seat.until("2 RUN")
        assert [asked.answers for asked in request.questions] == [["y"], ["yes"]]


async def test_one_passphrase_may_serve_the_others_but_never_the_same_question_twice(
    cockpit: Opener, ask: object
) -> None:
    other = Question("passphrase", "lms", "passphrase of ~/.ssh/id_ed25519")
    request = ask(PASSPHRASE, other, other)  # type: ignore[operator]  # a fixture's function
    async with cockpit(pictures.drawn()) as seat:
        seat.app.backups._planned(PLANS)
        await seat.until("Passphrase for siakad")
        await seat.press(*"one", "f2", "enter")
        await seat.until("Passphrase for lms")  # asked again: it was wrong there
        assert request.questions[1].answers == ["one"], "answered for the other server without asking"
        await seat.press(*"two", "enter")
        assert request.questions[2].answers == ["two"]


async def test_a_question_that_needs_no_answer_any_more_closes(cockpit: Opener, ask: object) -> None:
    request = ask(PASSPHRASE)  # type: ignore[operator]  # a fixture's function
    async with cockpit(pictures.drawn()) as seat:
        seat.app.backups._planned(PLANS)
        await seat.until("Passphrase for siakad")
        request.questions[0].closed.set()
        await seat.pilot.pause(1.3)
        assert seat.app.screen is seat.app.main


async def test_without_an_answer_it_is_no_after_its_time(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        replies: list[object] = []
        seat.app.push_screen(Ask(PASSPHRASE, seconds=0.5), replies.append)
        await seat.until("without an answer it is no")
        await seat.pilot.pause(1.3)
        assert getattr(replies[0], "answer", "") is None


async def test_leaving_while_questions_are_open_asks_first(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        seat.app.starting = True
        await seat.press("q")
        assert "Leave the cockpit?" in seat.screen
        await seat.press("enter")
        assert seat.app.screen is seat.app.main


async def test_why_a_request_could_not_be_started_stays_visible(
    cockpit: Opener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from tuibackup.errors import TuibackupError

    def broken(plans: object, path: Path) -> object:
        raise TuibackupError("config.toml:3: broken")

    monkeypatch.setattr(start, "start", broken)
    async with cockpit(pictures.drawn()) as seat:
        seat.app.backups._planned(PLANS)
        await seat.until("config.toml:3: broken")
        await seat.press("down")
        assert "config.toml:3: broken" in seat.screen
        assert not seat.app.starting
