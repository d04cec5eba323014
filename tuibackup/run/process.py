"""Runs as processes of their own: start them, answer what they ask, find the living and the dead, ask one to stop.

A face starts a request: one launcher process, which forks one detached process a run (`run.child`). Each has a
socketpair to the face for its questions, and inherits its journal, locked. When the face is gone, so are the
answers; the runs are not.
"""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tuibackup.config import Config
from tuibackup.errors import TuibackupError, UsageError
from tuibackup.remote.questions import Question
from tuibackup.run import wire
from tuibackup.run.journal import Journal, first, is_live, journal_path, journals, last, runs_folder
from tuibackup.run.operator import Operator
from tuibackup.run.plan import Plan
from tuibackup.text import printable
from tuibackup.words import _

ANSWER_SECONDS = 300.0  # a question that is shown and not answered for so long is answered with no


class Asked:
    """A question of a run. `closed` is set when it needs no answer any more (answered, timed out, run ended)."""

    def __init__(self, run: str, question: Question, connection: "_Connection", number: int) -> None:
        self.run = run
        self.question = question
        self.closed = asyncio.Event()
        self._connection = connection
        self._number = number

    def answer(self, text: str | None) -> None:
        """Send the answer; None is no. Only the first one counts."""
        if not self.closed.is_set():
            self.closed.set()
            self._connection.send(wire.Answer(number=self._number, text=text))


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """A run whose process lives: waiting or running (its journal tells which)."""

    run: str
    server: str
    journal: Path
    operator: str


class Request:
    """What one command or key press asked for: its runs, and for a while the line to answer their questions."""

    def __init__(self, plans: tuple[Plan, ...], journals: tuple[Path, ...], lines: list[socket.socket]) -> None:
        self.plans = plans
        self.runs = tuple(plan.run for plan in plans)
        self.journals = journals
        self._lines = lines

    async def asked(self) -> AsyncIterator[Asked]:
        """The questions of all runs, one after the other; ends when every run has met its needs or has failed.

        Then all are told to go on and nothing is asked again. Leaving the loop early is a no to every question.
        """
        raise NotImplementedError
        yield

    def close(self) -> None:
        """Give up the line: every question from now on is answered with no; the runs go on."""
        for line in self._lines:
            line.close()
        self._lines.clear()


def start(plans: Iterable[Plan], config_path: Path) -> Request:
    """Start one detached process for each plan; returns at once, their journals exist already.

    Raises TuibackupError where a journal cannot be written or no process can be started.
    """
    raise NotImplementedError


def active(config: Config) -> list[ActiveRun]:
    """The runs of this host whose process lives, newest first."""
    raise NotImplementedError


def recover(config: Config) -> list[str]:
    """Record the runs that died without a word as interrupted, and sweep what they left; returns their ids.

    Call it at the start of every command that shows or starts runs. Safe when several do so at once.
    """
    raise NotImplementedError


def ask_stop(config: Config, run: str, by: Operator) -> None:
    """Ask a run to stop; it does within seconds and records who asked. Raises UsageError where it does not live."""
    raise NotImplementedError
