"""The machine of questions alone: forwards, backwards, and what is kept on the way."""

import pytest

from tests.jobs.steps import Canned, draft, example
from tuibackup.jobs.setup.engine import Setup
from tuibackup.jobs.setup.step import Draft, Prompt, Taken, WrongAnswerError


async def answered(setup: Setup, *answers: str) -> Prompt | None:
    for answer in answers:
        assert await setup.prompt()
        await setup.answer(answer)
    return await setup.prompt()


async def test_answers_lead_to_the_end_and_nothing_is_lost_backwards() -> None:
    setup = Setup(example(), draft())
    prompt = await answered(setup, "10.10.0.5", "", "yes", "secret")
    assert prompt
    assert prompt.step == "folders"
    assert setup.draft.server.label == "10.10.0.5 siakad yes secret"
    assert [row.shown for row in setup.rows] == ["10.10.0.5", "siakad", "yes", "right"]
    seen = []
    while setup.back():
        prompt = await setup.prompt()
        assert prompt
        seen.append((prompt.step, prompt.default))
    assert seen == [("password", ""), ("host-key", "no"), ("name", "siakad"), ("host", "10.10.0.5")]
    assert setup.draft == draft()
    prompt = await answered(setup, "", "lms", "yes", "secret", "2", "1")
    assert prompt is None
    assert setup.draft.server.label == "10.10.0.5 lms yes secret 2 yes"
    assert not setup.back()  # the last one is done for good


async def test_a_wrong_answer_leaves_the_question() -> None:
    setup = Setup(example(), draft(), {"host": "10.0.0.9"})
    assert await setup.prompt()
    assert setup.preset() == "10.0.0.9"
    assert setup.preset() is None  # given once: a wrong one must not come for ever
    for wrong, why in (("10.0.0.9", "is sshd running there"), ("", "this needs an answer")):
        with pytest.raises(WrongAnswerError, match=why):
            await setup.answer(wrong)
    assert setup.draft == draft()
    await answered(setup, "h")
    for wrong, why in (("a b", "no spaces"),):
        with pytest.raises(WrongAnswerError, match=why):
            await setup.answer(wrong)
    await answered(setup, "")
    for wrong in ("maybe", "3", "0"):
        with pytest.raises(WrongAnswerError, match="answer one of: yes, no"):
            await setup.answer(wrong)
    for word in ("y", "ya", "YES", "1", "ye"):
        await setup.answer(word)
        assert setup.draft.server.label == "h siakad yes"
        assert setup.back()
        await setup.prompt()


class Broken(Canned):
    """A server that is gone when it is to be asked, the first time."""

    gone = True

    async def ask(self, draft: Draft) -> Prompt:
        if self.gone:
            self.gone = False
            raise WrongAnswerError("connection to siakad lost")
        return self.prompt


class Silent(Canned):
    """Finds out by itself."""

    async def ask(self, draft: Draft) -> Taken:  # type: ignore[override]
        return Taken(draft, "known")


async def test_a_question_that_cannot_be_asked_is_tried_again_or_left() -> None:
    first, second = example()[:2]
    setup = Setup([first, Silent(second.prompt), Broken(second.prompt)], draft())
    prompt = await answered(setup, "h")
    assert prompt
    assert prompt.detail == ("connection to siakad lost",)
    await setup.answer("")
    prompt = await setup.prompt()
    assert prompt
    assert prompt.text == "What is it to be called?"
    assert [row.shown for row in setup.rows] == ["h", "known"]
    assert setup.back()
    prompt = await setup.prompt()
    assert prompt
    assert prompt.step == "host"
