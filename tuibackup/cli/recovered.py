"""Prints what became of a recovery onto another server: step by step, with its time beside the expected one."""

from collections.abc import Mapping
from typing import Any

from tuibackup.cli.output import MARKS, coloured, paint, print_hanging
from tuibackup.text import duration
from tuibackup.words import _


def print_recovered(outcome: str, result: Mapping[str, Any]) -> None:
    """`outcome` is its word, `result` what the command prints with --json."""
    dry = "dry-run" in result
    _line(outcome, f"{result['recovery']} → {result['onto']}")
    for number, step in enumerate(result["steps"], 1):
        _line(step["outcome"], f"{number}  {step['what']} → {step['where']}  {_time(step, dry=dry)}", "  ")
        if step["detail"]:
            print_hanging("       ", step["detail"])
    commands = [command for step in result["steps"] for command in step["swap"]]
    if commands:
        print_hanging(
            "  ",
            _("nothing was swapped; to put what came in its place, on {onto}:").format(onto=result["onto"]),
        )
        for command in dict.fromkeys(commands):
            print(f"      {command}")
    if not dry:
        print_hanging(
            "  ",
            _("what is left to do tells: tuibackup recover {server}").format(
                server=result["recovery"] + (f" --from {result['copy']}" if "copy" in result else "")
            ),
        )


def _time(step: Mapping[str, Any], *, dry: bool) -> str:
    expected = step["expected-seconds"]
    about = _("expected ~{time}").format(time=duration(expected)) if expected is not None else ""
    if dry:
        return about
    return f"{duration(step['seconds'])}" + (f"  ({about})" if about else "")


def _line(outcome: str, text: str, before: str = "") -> None:
    mark = paint(MARKS[outcome], outcome, coloured())
    print_hanging(f"{before}{MARKS[outcome]} ", text, drawn=f"{before}{mark} ")
