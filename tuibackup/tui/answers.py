"""The person at the cockpit, who answers the questions of runs and jobs: a dialog for each, one at a time."""

import asyncio
from typing import TYPE_CHECKING, Any

from tuibackup.remote.questions import Question
from tuibackup.secret import Secret
from tuibackup.tui.screens.question import Ask, Reply

if TYPE_CHECKING:
    from textual.app import App


class ScreenAnswers:
    """Answers one request. An answer that may serve other servers is kept meanwhile, and given once a question."""

    def __init__(self, app: "App[Any]") -> None:
        self._app = app
        self._lock = asyncio.Lock()
        self._given: dict[str, Secret] = {}  # by kind of question
        self._before: set[tuple[str, str, str]] = set()

    async def ask(self, question: Question) -> str | None:
        """The answer; None is no. Call it from a worker."""
        async with self._lock:
            what = (question.kind, question.server, question.text)
            again = what in self._before
            self._before.add(what)
            if question.kind in self._given and not again:
                return self._given[question.kind].reveal()
            closed = asyncio.Event()
            try:
                reply: Reply | None = await self._app.push_screen_wait(Ask(question, closed))
            finally:
                closed.set()  # the dialog closes by itself when no answer is needed any more
            if reply is None or reply.answer is None:
                return None
            if reply.for_others:
                self._given[question.kind] = reply.answer
            return reply.answer.reveal()
