"""What a step of the guided set-up is, and what it asks and gives: plain values, whichever face shows them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from tuibackup.config import Server
from tuibackup.errors import TuibackupError
from tuibackup.secret import Secret


class WrongAnswerError(TuibackupError):
    """An answer that cannot be used: its line says why, and the question stays."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known so far. Until its name is asked for, `server` is called like its host.

    `login`: how it is to log in, while that is being found out ("keys", "agent", "password", "paste", "key"). `closed`:
    whether the folders hold what the account may not read. `exclude`: patterns that were proposed with the folders.
    `by_password`: whether the account of the database has one.
    `vault`: the backup disk, where the configuration names none yet. The passwords are stored when all is saved.
    """

    server: Server
    login: str = ""
    closed: bool = False
    exclude: tuple[str, ...] = ()
    by_password: bool = False
    vault: Path | None = None
    ssh_password: Secret | None = None
    database_password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer that is offered, and what it means."""

    answer: str
    words: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question. Texts are clean and may be shown as they are.

    `default`: what enter alone answers; "" with `optional` is an answer too. `detail`: lines to show above; `paste`:
    lines to copy into another terminal. `only`: nothing but the choices is an answer. `anew`: an answer of before is no
    default, because the question may be another one. `check` says what is wrong with
    what is typed so far, "" for nothing; it is quick, and asks nobody.
    """

    step: str
    title: str
    text: str
    default: str = ""
    optional: bool = False
    detail: tuple[str, ...] = ()
    paste: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    only: bool = False
    secret: bool = False
    anew: bool = False
    check: Callable[[str], str] = lambda _text: ""


@dataclass(frozen=True, slots=True)
class Taken:
    """An answer that was good, or what was found out without one.

    `shown`: the answer as it is shown afterwards; `found`: what was tried, `warned`: what to know of it. `again`: the
    same step has another question. `ends`: no other step comes. `final`: nobody goes back behind it.
    """

    draft: Draft
    shown: str = ""
    found: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    again: bool = False
    ends: bool = False
    final: bool = False


class Step(Protocol):
    """One question, or a few of the same kind."""

    @property
    def id(self) -> str:
        """Its word: in options of the command line, and for what was answered before."""

    @property
    def title(self) -> str:
        """What its line is called."""

    async def ask(self, draft: Draft) -> Prompt | Taken | None:
        """The question; what was found without one; None: not needed here. Raises TuibackupError."""

    async def take(self, draft: Draft, answer: str) -> Taken:
        """Try the answer. Raises TuibackupError: it cannot be that, and the question stays."""


def yes(answer: str) -> bool:
    """Whether the answer to a question with `YES_NO` is yes."""
    return answer == "yes"


T = TypeVar("T")


def fault_of(parse: Callable[[str], object]) -> Callable[[str], str]:
    """The `check` of a question whose answers `parse` reads; its ValueError tells what is wrong."""

    def check(text: str) -> str:
        try:
            parse(text)
        except ValueError as error:
            return str(error)
        return ""

    return check


def parsed(parse: Callable[[str], T], answer: str) -> T:
    """The answer, read. Raises WrongAnswerError."""
    try:
        return parse(answer)
    except ValueError as error:
        raise WrongAnswerError(str(error)) from error
