"""The messages between a face, the launcher, and a run or job: JSON over socketpairs.

Secrets travel only in these messages; none of them is written or shown.
"""

from typing import Any

import msgspec

from tuibackup.parts import as_text, given_back, parts_of
from tuibackup.remote.questions import Kind
from tuibackup.run.operator import Operator


class _Message(msgspec.Struct, frozen=True, tag_field="say", rename="kebab"):
    """Base of all messages."""


class Ask(_Message, frozen=True, tag="ask"):
    """Run → face: a question (`remote.questions.Question`, field by field), and the parts of its sentences."""

    number: int
    kind: Kind
    server: str
    text: str
    secret: bool
    detail: tuple[str, ...] = ()
    said: dict[str, dict[str, Any]] = {}


class Ready(_Message, frozen=True, tag="ready"):
    """Run → face: all needs are met; waits for `Go`."""


class Answer(_Message, frozen=True, tag="answer"):
    """Face → run: the answer to question `number`; None is no."""

    number: int
    text: str | None

    def __repr__(self) -> str:
        return f"Answer({self.number}, …)"


class Go(_Message, frozen=True, tag="go"):
    """Face → run: all runs of the request are ready; carry on."""


class Launch(msgspec.Struct, frozen=True):
    """Face → launcher, first: the path of the configuration, and how many processes to fork, a message each."""

    config: str
    processes: int


class Launched(msgspec.Struct, frozen=True):
    """Face → launcher: what one process does (a run's plan, or a job's order, in JSON), with two open files: its line
    to the face, and its journal, which lies at `path`."""

    plan: msgspec.Raw
    path: str


FromRun = Ask | Ready
FromFace = Answer | Go

_encoder = msgspec.json.Encoder(enc_hook=as_text)
_from_run = msgspec.json.Decoder(FromRun)
_from_face = msgspec.json.Decoder(FromFace)


def encode(message: _Message) -> bytes:
    if isinstance(message, Ask):
        message = msgspec.structs.replace(message, said=parts_of(message))
    return _encoder.encode(message) + b"\n"


def from_run(line: bytes) -> FromRun:
    """Raises msgspec.DecodeError."""
    message: FromRun = _from_run.decode(line)
    if isinstance(message, Ask):
        message = given_back(message, message.said)
    return message


def from_face(line: bytes) -> FromFace:
    """Raises msgspec.DecodeError."""
    message: FromFace = _from_face.decode(line)
    return message


class FollowUp(msgspec.Struct, frozen=True):
    """Run → what follows it: the path of the configuration, whose run it was, and who carried it out."""

    config: str
    server: str
    operator: Operator
