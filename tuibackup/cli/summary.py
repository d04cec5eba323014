"""The summary of a command: how many things ended how, each error once, and what differed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuibackup.cli.output import MARKS, coloured, paint, print_hanging
from tuibackup.text import count
from tuibackup.words import _, in_language

_ORDER = ("done", "warnings", "interrupted", "failed")
_SHOWN = 20  # errors, or sentences of one kind


@dataclass(frozen=True, slots=True)
class Ended:
    """One thing: its name, its outcome's word, and the lines that say what was wrong."""

    name: str
    outcome: str
    errors: tuple[str, ...] = ()


def print_summary(what: str, ended: Sequence[Ended], good: str = "") -> None:
    """Print it: "5 runs: 3 done, 1 failed (arsip)", then each error with the names that it is about.

    `what` is their number and noun, `good` another word for done. One thing alone has said all this already.
    """
    if len(ended) < 2:
        return
    colour = coloured()
    print()
    counts = ", ".join(_counts(ended, good, colour))
    print_hanging("", f"{what}: {counts}")
    errors = _errors(ended)
    for (outcome, text), names in errors[:_SHOWN]:
        mark = f"{paint(MARKS[outcome], outcome, colour)} "
        print_hanging(f"{MARKS[outcome]} ", f"{', '.join(names)}: {text}", drawn=mark)
    if len(errors) > _SHOWN:
        print(_("  and {number} more").format(number=count(len(errors) - _SHOWN)))


def print_compared(differences: Sequence[str], gaps: Sequence[str], incomparable: Sequence[str]) -> None:
    """Print what differs, what could not be proven, and what cannot be compared: the first of each kind."""
    for sign, state, sentences in (
        ("×", "failed", differences),
        ("▲", "warnings", gaps),
        ("·", "dim", incomparable),
    ):
        for sentence in sentences[:_SHOWN]:
            print_hanging(f"  {sign} ", sentence, drawn=f"  {paint(sign, state, coloured())} ")
        if len(sentences) > _SHOWN:
            print(_("    and {number} more").format(number=count(len(sentences) - _SHOWN)))


def _counts(ended: Iterable[Ended], good: str, colour: bool) -> Iterable[str]:
    for outcome in _ORDER:
        names = [one.name for one in ended if one.outcome == outcome]
        if names:
            word = good if good and outcome == "done" else _(outcome)
            text = f"{count(len(names))} {word}"
            named = "" if outcome == "done" else f" ({', '.join(names)})"
            yield paint(text, outcome, colour) + named


def _errors(ended: Iterable[Ended]) -> list[tuple[tuple[str, str], list[str]]]:
    """Names by outcome and text, the worst first; a text does not repeat the name before it."""
    found: dict[tuple[str, str], list[str]] = {}
    for outcome in reversed(_ORDER):
        for one in ended:
            for error in one.errors if one.outcome == outcome else ():
                names = found.setdefault((outcome, in_language(error).removeprefix(f"{one.name}: ")), [])
                if one.name not in names:
                    names.append(one.name)
    return list(found.items())
