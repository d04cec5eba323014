"""What asyncssh asks of us while it connects to one hop: is this the right host, and the passwords."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Sequence

import asyncssh

from tuibackup.remote.connect.hostkeys import HostKey, host_key
from tuibackup.remote.connect.patience import Patience
from tuibackup.remote.questions import Answers, Question
from tuibackup.remote.refusals import refuses
from tuibackup.secret import Secret
from tuibackup.text import printable, shorten
from tuibackup.words import sentence

_TRIES = 3  # passwords
_QUESTIONS = 8  # of any kind: a server could ask without end
_CHALLENGES = 12
_LONGEST = 200  # cells of what a server asks

# A prompt for the password itself, not for a one-time password or a new one
_PASSWORD = re.compile(
    r"(?!.*(one.?time|otp|token|code|new |retype|again)).*(password|kata sandi)", re.IGNORECASE | re.DOTALL
)


class Client(asyncssh.SSHClient):
    """One attempt at one hop, and what became of it.

    `elsewhere`: keys that are known for the same host at the usual port; as with ssh they are good here too.
    `may_ask`: whether the server's questions go to a person now. `unlock`: the next key that needs its passphrase.
    """

    def __init__(
        self,
        server: str,
        name: str,
        answers: Answers,
        patience: Patience,
        password: Callable[[], Awaitable[Secret | None]] | None,
        *,
        may_ask: Callable[[], bool],
        unlock: Callable[[], Awaitable[Sequence[asyncssh.SSHKeyPair]]] | None = None,
        elsewhere: Collection[asyncssh.SSHKey] = (),
    ) -> None:
        self._server = server
        self._name = name
        self._answers = answers
        self._patience = patience
        self._password = password
        self._may_ask = may_ask
        self._unlock = unlock
        self._unlocking: asyncio.Future[Sequence[asyncssh.SSHKeyPair]] | None = None
        self._elsewhere = elsewhere
        self._passwords = self._questions = self._challenges = 0
        self._challenges_before = -1  # how many there had been when it was last tried
        self._connection: asyncssh.SSHClientConnection | None = None
        self._banners: list[str] = []  # the last two
        self.offered: HostKey | None = None  # the host key it showed, when that was not a known one
        self.unanswered = ""  # the question that was put and that nobody answered
        self.answered = False
        self.tried: list[str] = []
        self.takes: dict[str, None] = {}  # the ways of login that the server named when our keys were through
        self.fault: Exception | None = None  # what asking raised: asyncssh would hide it

    @property
    def may_ask(self) -> bool:
        """Whether the server's questions go to a person now."""
        return self._may_ask()

    @property
    def reached(self) -> bool:
        """Whether something took the connection."""
        return self._connection is not None

    @property
    def speaks(self) -> bool:
        """Whether that is an SSH server."""
        return bool(self.version)

    @property
    def version(self) -> str:
        """How it presents itself: "SSH-2.0-OpenSSH_9.2"; "" before."""
        said = self._connection.get_extra_info("server_version") if self._connection else b""
        return _clean(str(said or ""))

    @property
    def host_key(self) -> HostKey | None:
        """The key that it showed; None before."""
        key = self._connection.get_server_host_key() if self._connection else None
        return host_key(key) if key else None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        if key in self._elsewhere:
            return True
        self.offered = host_key(key)
        return False  # remembered first, then connected again: asyncssh cannot wait for an answer here

    async def public_key_auth_requested(self) -> Sequence[asyncssh.SSHKeyPair] | None:
        """Once all other keys were refused: the next one that is locked.

        It is unlocked while the server waits: a login that we give up counts against us (PerSourcePenalties).
        """
        self._note_ways()
        if self._unlock is None:
            return None
        self._unlocking = asyncio.ensure_future(self._unlock())
        try:
            return await asyncio.shield(self._unlocking) or None
        except Exception as error:
            self.fault = error
            return None

    async def unlocked(self) -> bool:
        """Whether a key is unlocked for another attempt: the server's patience ended before the person's answer."""
        return self._unlocking is not None and not self._unlocking.done() and bool(await self._unlocking)

    def end(self) -> None:
        """Ask nothing any more."""
        if self._unlocking is not None:
            self._unlocking.cancel()

    def auth_banner_received(self, msg: str, lang: str) -> None:
        self._banners = [*self._banners[-1:], _clean(msg)]

    @property
    def said(self) -> str:
        """What the server said about this login; not the greeting that all get. "" for nothing."""
        last = self._banners[-1] if self._banners else ""
        return last if len(self._banners) > 1 or refuses(last) else ""

    def _note_ways(self) -> None:
        if self._connection is not None:
            self.takes |= dict.fromkeys(self._connection.get_server_auth_methods())

    async def password_auth_requested(self) -> str | None:
        self._note_ways()
        return await self._secret("password")

    async def kbdint_auth_requested(self) -> str | None:
        # An sshd without PAM offers it and refuses it at once, as often as it is tried: until it says "too many".
        self._note_ways()
        if self._challenges == self._challenges_before:
            return None
        self._challenges_before = self._challenges
        willing = self.may_ask or self._password is not None
        return "" if willing and self._passwords < _TRIES and not self.unanswered else None

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        self._challenges += 1
        if self._challenges > _CHALLENGES:
            return None
        answers = []
        for text, echo in prompts:
            answer = await self._prompted(instructions, text, echo=echo)
            if answer is None:
                return None
            answers.append(answer)
        return answers

    async def _prompted(self, instructions: str, text: str, *, echo: bool) -> str | None:
        asked = _clean(text)
        if not echo and _PASSWORD.match(asked):
            return await self._secret("keyboard-interactive")
        detail = tuple(filter(None, (_clean(instructions),)))
        return await self._ask(
            Question(
                "code",
                self._server,
                sentence("{name} asks: {asked}", name=self._name, asked=asked),
                not echo,
                detail,
            ),
            "keyboard-interactive",
        )

    async def _secret(self, way: str) -> str | None:
        """The configured password the first time; else somebody is asked, a few times at most."""
        self._passwords += 1
        if self._passwords > _TRIES or self.unanswered:
            return None
        if self._password is not None and self._passwords == 1:
            with self._patience.asking():
                try:
                    secret = await self._password()
                except Exception as error:
                    self.fault = error
                    return None
            if secret is not None:
                self.tried.append(way)
                return secret.reveal()
        detail = (sentence("that was not it"),) if self._passwords > 1 else ()
        return await self._ask(
            Question(
                "ssh-password",
                self._server,
                sentence("SSH password of {name}:", name=self._name),
                detail=detail,
            ),
            way,
        )

    async def _ask(self, question: Question, way: str) -> str | None:
        """The answer of a person, with which `way` counts as tried."""
        self._questions += 1
        if not self.may_ask or self._questions > _QUESTIONS:
            return None
        with self._patience.asking():
            try:
                answer = await self._answers.ask(question)
            except Exception as error:
                self.fault = error
                return None
        if answer is None:
            self.unanswered = question.text.rstrip(":")
        else:
            self.answered = True
            self.tried.append(way)
        return answer


def _clean(text: str) -> str:
    """What a server wrote, on one line of bounded length."""
    return shorten(printable(" ".join(text[: 4 * _LONGEST].split())), _LONGEST)
