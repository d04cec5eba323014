"""The guided set-up as a machine: one question after the other, back and forth; faces only ask and show.

It knows nothing of servers: steps ask, try and tell (`step.Step`). An answer is kept when its question is left
backwards, and is the default when it comes again; a secret is not.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tuibackup.errors import ConnectionLostError, TuibackupError
from tuibackup.jobs.setup.step import Choice, Draft, Prompt, Step, Taken, WrongAnswerError
from tuibackup.words import _

_Result = TypeVar("_Result")
_YES = ("y", "yes", "ya", "j")  # in English and Indonesian, whichever the question used
_NO = ("n", "no", "tidak", "t")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of what is done: its title, the answer, what was found and what is to be known of it."""

    title: str
    shown: str
    found: tuple[str, ...]
    warned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Done:
    """A step that is behind us: where it stands, what was known before it, and whether somebody was asked."""

    at: int
    before: Draft
    asked: bool
    final: bool
    row: Row | None


class Setup:
    """Ask with `prompt`, answer with `answer`, go back with `back`, until `prompt` gives None."""

    def __init__(self, steps: Sequence[Step], draft: Draft, presets: Mapping[str, str] | None = None) -> None:
        """`presets`: answers that are given already, by step."""
        self.draft = draft
        self._steps = steps
        self._presets = dict(presets or {})
        self._given: dict[str, str] = {}
        self._done: list[_Done] = []
        self._at = 0
        self._prompt: Prompt | None = None
        self._failed = False  # whether the question is only whether to try again

    @property
    def rows(self) -> list[Row]:
        """What is done, in order."""
        return [done.row for done in self._done if done.row]

    async def prompt(self) -> Prompt | None:
        """The question to answer now; None: there is none any more. What can be found out without one is."""
        while self._prompt is None and self._at < len(self._steps):
            step = self._steps[self._at]
            self._failed = False
            try:
                asked = await _again(lambda: step.ask(self.draft))  # noqa: B023 # called at once
            except TuibackupError as error:
                self._failed = True
                text = _("enter tries again")
                self._prompt = Prompt(step.id, step.title, text, optional=True, detail=(str(error),))
                break
            if isinstance(asked, Prompt):
                self._prompt = self._with_earlier(asked)
            elif asked is None:
                self._at += 1
            else:
                self._take(step, asked, asked=False)
        return self._prompt

    def preset(self) -> str | None:
        """The answer to the present question that was given beforehand, once; None: there is none."""
        return self._presets.pop(self._prompt.step, None) if self._prompt and not self._failed else None

    async def answer(self, typed: str) -> None:
        """Answer the present question. Raises TuibackupError: it cannot be that, and the question stays."""
        prompt = self._prompt
        assert prompt is not None
        step = self._steps[self._at]
        if self._failed:
            self._prompt = None
            return
        answer = _meant(prompt, typed)
        taken = await _again(lambda: step.take(self.draft, answer))
        if not prompt.secret:
            self._given[step.id] = answer
        self._take(step, taken, asked=True)

    def back(self) -> bool:
        """Go to the question before; False: there is none, or what was answered there is done for good."""
        left = list(self._done)
        while left:
            done = left.pop()
            if done.final:
                return False
            if done.asked:
                self._done, self._at, self.draft = left, done.at, done.before
                self._prompt = None
                return True
        return False

    def _take(self, step: Step, taken: Taken, *, asked: bool) -> None:
        told = asked or taken.shown or taken.found or taken.warned
        row = Row(step.title, taken.shown, taken.found, taken.warned) if told else None
        self._done.append(_Done(self._at, self.draft, asked, taken.final, row))
        self.draft = taken.draft
        self._prompt = None
        if taken.ends:
            self._at = len(self._steps)
        elif not taken.again:
            self._at += 1

    def _with_earlier(self, prompt: Prompt) -> Prompt:
        """With what was answered before as the default, as far as it still can be that."""
        earlier = self._given.get(prompt.step, "")
        offered = [choice.answer for choice in prompt.choices]
        if not earlier or prompt.secret or prompt.anew or prompt.check(earlier):
            return prompt
        if prompt.only and earlier not in offered:
            return prompt
        return replace(prompt, default=earlier)


async def _again(do: Callable[[], Awaitable[_Result]]) -> _Result:
    """Do it, and once more where the line was cut meanwhile: who needs the server connects to it again."""
    try:
        return await do()
    except ConnectionLostError:
        return await do()


def _meant(prompt: Prompt, typed: str) -> str:
    """The answer: what was typed, the default, or the choice that is meant. Raises WrongAnswerError."""
    if prompt.secret:
        if not typed:
            raise WrongAnswerError(_("nothing was typed"))
        return typed
    answer = typed.strip() or prompt.default
    if not answer and not prompt.optional:
        raise WrongAnswerError(_("this needs an answer"))
    if answer and prompt.only:
        return _chosen(prompt.choices, answer)
    if fault := prompt.check(answer):
        raise WrongAnswerError(fault)
    return answer


def _chosen(choices: Sequence[Choice], typed: str) -> str:
    offered = [choice.answer for choice in choices]
    word = typed.casefold()
    for other, words in (("yes", _YES), ("no", _NO)):
        if other in offered and word in words:
            return other
    if typed.isdecimal() and 1 <= int(typed) <= len(offered):
        return offered[int(typed) - 1]
    near = [answer for answer in offered if answer.casefold() == word] or [
        answer for answer in offered if answer.casefold().startswith(word)
    ]
    if len(near) != 1:
        raise WrongAnswerError(_("answer one of: {answers}").format(answers=", ".join(offered)))
    return near[0]
