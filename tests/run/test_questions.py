"""Both ends of the line between a face and its runs, over real socketpairs."""

import asyncio
import socket
from pathlib import Path

import pytest
from msgspec.structs import replace

from tuibackup.remote.questions import NoAnswers, Question
from tuibackup.run.operator import Operator
from tuibackup.run.plan import Plan
from tuibackup.run.process import request as requests
from tuibackup.run.process.request import Asked, Request
from tuibackup.run.questions import LineAnswers, RememberedAnswers
from tuibackup.sop import Clock

PASSWORD = Question("ssh-password", "siakad", "password of andi@siakad:")


def a_plan(server: str) -> Plan:
    return Plan(
        run=f"2026-11-22T013000Z-{server}-0000",
        request="r",
        server=server,
        clocks=frozenset({Clock.FILES}),
        full=False,
        operator=Operator("andi"),
    )


async def a_request(*servers: str) -> tuple[Request, list[LineAnswers]]:
    pairs = [socket.socketpair() for _ in servers]
    faces = []
    for _, far in pairs:
        face = LineAnswers()
        await face.open(far)
        faces.append(face)
    plans = tuple(a_plan(server) for server in servers)
    return Request(plans, tuple(Path(server) for server in servers), [near for near, _ in pairs]), faces


async def test_each_run_gets_its_own_answer_and_all_go_on_together() -> None:
    request, (siakad, lms) = await a_request("siakad", "lms")
    gone_on = []

    async def run(face: LineAnswers, name: str) -> str | None:
        answer = await face.ask(Question("passphrase", name, "passphrase of key"))
        await face.ready()
        gone_on.append(name)
        return answer

    runs = asyncio.gather(run(siakad, "siakad"), run(lms, "lms"))
    async for asked in request.asked():
        await asyncio.sleep(0.05)
        assert gone_on == [], "a run went on although another one still asks"
        asked.answer(f"for {asked.question.server}")
    assert await asyncio.wait_for(runs, 60) == ["for siakad", "for lms"]


async def test_without_a_face_every_answer_is_no_and_the_run_goes_on() -> None:
    request, (face,) = await a_request("siakad")
    asking = asyncio.create_task(face.ask(PASSWORD))
    await asyncio.sleep(0.05)
    request.close()
    assert await asyncio.wait_for(asking, 60) is None
    await asyncio.wait_for(face.ready(), 5)
    assert await face.ask(PASSWORD) is None


async def test_leaving_the_questions_early_says_no_to_the_rest() -> None:
    request, (one, other) = await a_request("siakad", "lms")
    asking = asyncio.gather(one.ask(PASSWORD), other.ask(PASSWORD))
    questions = request.asked()
    async for asked in questions:
        asked.answer("only this")
        break
    await questions.aclose()
    assert sorted(await asyncio.wait_for(asking, 60), key=str) == [None, "only this"]


async def test_a_question_without_an_answer_is_no_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "ANSWER_SECONDS", 0.1)
    request, (face,) = await a_request("siakad")
    asking = asyncio.create_task(face.ask(PASSWORD))
    async for asked in request.asked():
        await asyncio.wait_for(asked.closed.wait(), 5)
        asked.answer("too late")
        assert await asking is None
        break


async def test_a_run_that_ends_while_its_dialog_is_open_closes_it() -> None:
    request, (face,) = await a_request("siakad")
    asking = asyncio.create_task(face.ask(PASSWORD))
    seen: list[Asked] = []
    async for asked in request.asked():
        seen.append(asked)
        await face.close()
        await asyncio.wait_for(asked.closed.wait(), 5)
    assert len(seen) == 1
    assert await asking is None


class Person:
    """Answers for everybody but "away", whose question stays on the screen."""

    def __init__(self) -> None:
        self.shown = asyncio.Event()
        self.taken_back: list[str] = []

    async def ask(self, question: Question) -> str | None:
        if question.server != "away":
            return f"for {question.server}"
        self.shown.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.taken_back.append(question.server)
            raise
        return None


async def test_one_loop_puts_the_questions_and_takes_back_what_needs_no_answer_any_more() -> None:
    request, (siakad, away, lms) = await a_request("siakad", "away", "lms")
    person = Person()
    answering = asyncio.create_task(request.put_questions_to(person))

    async def run(line: LineAnswers, server: str) -> str | None:
        answer = await line.ask(Question("passphrase", server, "passphrase of key"))
        await line.ready()
        return answer

    runs = [asyncio.create_task(run(line, name)) for line, name in ((siakad, "siakad"), (away, "away"))]
    await asyncio.wait_for(person.shown.wait(), 30)
    runs.append(asyncio.create_task(run(lms, "lms")))
    await away.close()  # its run ended
    assert await asyncio.wait_for(asyncio.gather(*runs), 30) == ["for siakad", None, "for lms"]
    await asyncio.wait_for(answering, 30)
    assert person.taken_back == ["away"]


async def test_an_answer_serves_the_next_connection_but_not_a_second_try() -> None:
    class Counting:
        def __init__(self) -> None:
            self.asked = 0

        async def ask(self, question: Question) -> str | None:
            self.asked += 1
            return f"answer {self.asked}"

    face, told = Counting(), []
    remembering = RememberedAnswers(face, lambda text, answered: told.append((text, answered)))
    remembering.attempt()
    assert await remembering.ask(PASSWORD) == "answer 1"
    remembering.attempt()
    assert await remembering.ask(PASSWORD) == "answer 1"
    again = replace(PASSWORD, detail=("that was not it",))
    assert await remembering.ask(again) == "answer 2", "a wrong answer is not given twice"
    remembering.attempt()
    assert await remembering.ask(PASSWORD) == "answer 2"
    assert told == [(PASSWORD.text, True)] * 2


async def test_a_one_time_code_is_never_given_twice() -> None:
    class Codes:
        codes = iter(("111111", "222222"))

        async def ask(self, question: Question) -> str | None:
            return next(self.codes)

    remembering = RememberedAnswers(Codes(), lambda *_: None)
    code = Question("code", "siakad", "one-time code:")
    assert not remembering.asked_codes
    assert await remembering.ask(code) == "111111"
    remembering.attempt()
    assert await remembering.ask(code) == "222222"
    assert remembering.asked_codes


async def test_nobody_there_is_told_as_not_answered() -> None:
    told = []
    remembering = RememberedAnswers(NoAnswers(), lambda text, answered: told.append(answered))
    assert await remembering.ask(PASSWORD) is None
    assert told == [False]


def test_an_answer_is_not_shown_by_its_repr() -> None:
    from tuibackup.run.process.message import Answer

    assert "hunter2" not in repr(Answer(1, "hunter2"))
