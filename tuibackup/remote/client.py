"""What asyncssh asks of us while it connects to one hop: is this the right host, and the passwords."""

from collections.abc import Awaitable, Callable, Sequence

import asyncssh

from tuibackup.remote.hostkeys import HostKey, host_key
from tuibackup.remote.questions import Answers, Question
from tuibackup.secret import Secret
from tuibackup.text import printable

_TRIES = 3


class Client(asyncssh.SSHClient):
    """One attempt at one hop. `offered` is the host key it showed when that was not a known one."""

    def __init__(
        self,
        server: str,
        name: str,
        answers: Answers,
        password: Callable[[], Awaitable[Secret | None]] | None,
    ) -> None:
        self._server = server
        self._name = name
        self._answers = answers
        self._password = password
        self._asked = 0
        self.offered: HostKey | None = None
        self.unanswered = False
        self.tried: list[str] = []
        self.fault: Exception | None = None
        self.on_asking: Callable[[], None] = lambda: None
        self.on_answered: Callable[[], None] = lambda: None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.offered = host_key(key)
        return False  # remembered first, then connected again: asyncssh cannot wait for an answer here

    async def password_auth_requested(self) -> str | None:
        return await self._secret("password", f"SSH password of {self._name}:")

    async def kbdint_auth_requested(self) -> str | None:
        return "" if self._asked < _TRIES and not self.unanswered else None

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        answers = []
        for text, echo in prompts:
            clean = printable(text).strip()
            if "password" in clean.lower() and not echo:
                answer = await self._secret("keyboard-interactive", f"SSH password of {self._name}:")
            else:
                self._asked += 1
                self.tried.append("keyboard-interactive")
                detail = tuple(filter(None, (printable(instructions).strip(),)))
                question = Question("code", self._server, f"{self._name} asks: {clean}", not echo, detail)
                answer = await self._ask(question)
            if answer is None:
                return None
            answers.append(answer)
        return answers

    async def _secret(self, way: str, text: str) -> str | None:
        """The configured password the first time; else somebody is asked, a few times at most."""
        self._asked += 1
        if self._asked > _TRIES or self.unanswered:
            return None
        self.tried.append(way)
        if self._password is not None and self._asked == 1:
            self.on_asking()
            try:
                secret = await self._password()
            except Exception as error:  # raised again by who opens the connection: asyncssh would hide it
                self.fault = error
                return None
            finally:
                self.on_answered()
            if secret is not None:
                return secret.reveal()
        detail = ("that was not it",) if self._asked > 1 else ()
        return await self._ask(Question("ssh-password", self._server, text, detail=detail))

    async def _ask(self, question: Question) -> str | None:
        self.on_asking()
        answer = await self._answers.ask(question)
        self.on_answered()
        self.unanswered = self.unanswered or answer is None
        return answer
