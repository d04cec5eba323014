"""What a connection may have to ask a person, and who answers. Free of asyncssh: faces import it."""

from typing import Literal, Protocol

import msgspec

Kind = Literal["host-key", "passphrase", "ssh-password", "code", "database-password"]


class Question(msgspec.Struct, frozen=True):
    """One thing to ask. All texts are clean (`text.printable`) and may be shown as they are.

    `server` is the configured server's name; `text` the question in one line; `detail` further lines to show
    above it (a fingerprint, the command that prints it); `secret` says that what is typed must not be seen.
    A "host-key" question is answered with "yes"; every other answer is no (a face may know more words).
    """

    kind: Kind
    server: str
    text: str
    secret: bool = True
    detail: tuple[str, ...] = ()


class Answers(Protocol):
    """Where questions go: a dialog, a terminal, the face at the other end of a socketpair."""

    async def ask(self, question: Question) -> str | None:
        """The answer; None is no answer and counts as no. Cancelled when it is not needed any more."""


class NoAnswers:
    """Nobody is there: every answer is no."""

    async def ask(self, question: Question) -> str | None:
        return None
