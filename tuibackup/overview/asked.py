"""The questions about a server's past and a run's output, and their answers: plain data."""

from typing import Literal

import msgspec

Wanted = Literal["snapshots", "runs", "notes"]
LINES = 400  # of a run's output that come at once


class PastQuestion(msgspec.Struct, frozen=True):
    """The answer is a `Past`."""

    server: str


class PageQuestion(msgspec.Struct, frozen=True):
    """The answer is the `Listed` that begins at `offset`."""

    server: str
    wanted: Wanted
    offset: int


class OutputQuestion(msgspec.Struct, frozen=True):
    """What a run said, in lines of `room` cells; with `text` only those that contain it. The answer is `Lines`."""

    run: str
    room: int
    offset: int
    text: str = ""


class Lines(msgspec.Struct, frozen=True):
    """`lines` (style, text) from the one numbered `offset` on, of `total` that fit `text`, of `all`."""

    text: str
    offset: int
    total: int
    all: int
    lines: tuple[tuple[str, str], ...]
