"""What is known of one name in a snapshot, and the beginning of what is in it, as lines to read."""

from datetime import datetime

from tuibackup.jobs.look_inside import Preview
from tuibackup.overview.browse import About
from tuibackup.text import count, size, when
from tuibackup.tui.lines import Line, left, wrapped
from tuibackup.words import _, ngettext

_LABEL = 20
_VERSIONS = 200  # that are listed


def about_lines(about: About, now: datetime, room: int) -> list[Line]:
    """Facts, problems, versions."""
    lines: list[Line] = []
    for name, value in about.facts:
        found = wrapped(value, room - _LABEL, 6)
        lines.append(((left(name, _LABEL), "muted"), *found[0]))
        lines += [((" " * _LABEL, ""), *line) for line in found[1:]]
    for problem in about.problems:
        lines += wrapped(f"▲ {problem}", room, 6, "warnings")
    number = len(about.versions)
    words = ngettext("{number} version", "{number} versions", number).format(number=count(number))
    lines += [(), ((words, "strong"),)]
    for one in about.versions[:_VERSIONS]:
        held = ngettext("in {number} snapshot", "in {number} snapshots", len(one.snapshots))
        parts = [
            when(one.started, now),
            "" if one.size is None else size(one.size),
            "" if one.time is None else _("changed {time}").format(time=when(one.time.astimezone(), now)),
            held.format(number=count(len(one.snapshots))),
        ]
        lines += wrapped("  " + "  ".join(filter(None, parts)), room, 3)
    return lines


def preview_lines(preview: object, room: int) -> list[Line]:
    """How much is shown, then that."""
    assert isinstance(preview, Preview)
    if preview.shown == preview.size:
        head = _("{size}, all of it").format(size=size(preview.size))
    else:
        head = _("the first {shown} of {size}").format(shown=size(preview.shown), size=size(preview.size))
    if not preview.text:
        head += " · " + _("no text: in hexadecimal")
    lines: list[Line] = [((head, "muted"),), ()]
    for text in preview.lines:
        lines += wrapped(text, room, 200) if text else [()]
    return lines
