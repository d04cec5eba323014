"""What the dry run of a restore found, in lines for people; both faces show them."""

from collections.abc import Mapping
from typing import Any

from tuibackup.text import count, size
from tuibackup.words import _


def forecast_lines(result: Mapping[str, Any]) -> list[str]:
    """Of the facts of a `Forecast`."""
    lines = [
        _("would be written: {number}, {size}").format(
            number=count(result["new"]), size=size(result["bytes"])
        )
    ]
    if equal := result["equal"]:
        lines.append(_("there already, alike in size, mode and time: {number}").format(number=count(equal)))
    if left := result["left"]:
        lines.append(_("there and different, would be left as it is: {number}").format(number=count(left)))
    if replaced := result["replaced"]:
        lines.append(_("there, would be replaced: {number}").format(number=count(replaced)))
    if result["resumes"]:
        lines.append(_("it would go on with a restore that did not come to its end"))
    if (free := result["free"]) is not None:
        short = result["bytes"] > free
        words = _("room there: {free}: too little") if short else _("room there: {free}")
        lines.append(words.format(free=size(free)))
    return lines
