"""Help for the focused pane: what it shows, what its signs mean, and every key with what it does."""

from collections.abc import Mapping

from tuibackup.tui import actions
from tuibackup.tui.lines import Line, right, wrapped
from tuibackup.tui.panes.serverline import SIGNS
from tuibackup.words import _


def help_lines(situation: actions.Situation, keymap: Mapping[str, str], room: int) -> list[Line]:
    """The lines of the dialog in `room` cells, for the pane that has the focus."""
    lines: list[Line] = [*wrapped(_about(situation.pane), room, 12), ()]
    if situation.pane == 1:
        lines += [*_signs(), ()]
    for action in actions.offered(situation):
        elsewhere = action.panes and situation.pane not in action.panes
        if elsewhere or (situation.pane == actions.PAGE and not action.page):
            continue
        why = actions.reason(action, situation)
        keys = " ".join(actions.key_name(key) for key in actions.keys_of(action, keymap))
        text = wrapped(_(action.help), room - 17, 6)
        lines.append(((right(keys, 15) + "  ", "muted" if why else "key"), *text[0]))
        lines += [((" " * 17, ""), *line) for line in text[1:]]
        if why:
            said = wrapped(_("not now: {reason}").format(reason=why), room - 17, 3, "muted")
            lines += [((" " * 17, ""), *line) for line in said]
    lines += [
        (),
        *wrapped(_("In dialogs the line at the foot names the keys. ctrl+c kills nothing."), room, 3),
    ]
    return lines


def _about(pane: int) -> str:
    return {
        1: _(
            "The servers, each with its two clocks: files and databases. An age counts the days since the last good "
            "backup; the heading names the limit. The order is worst first at opening and whenever you sort; rows "
            "never move by themselves."
        ),
        2: _(
            "The run of the server under the cursor: the procedure's four steps, each with the time it took, of the "
            "standard (of 10:00) or of what this server's own history lets expect (of ~2:30). A step over that is "
            "marked slow. Without a run under way it shows the last one."
        ),
        3: _("The dump of this server's databases: what it waits for, what it is at, and what was stored."),
        4: _(
            "The ledger: everything that was done, newest first. The newest 500 entries that fit the filter are "
            "here; tuibackup log shows all of them."
        ),
        actions.PAGE: _(
            "One server: what keeps it from being in order, a year at a glance, and lists; tab or a number goes to the "
            "next one. A cell is a week of the files or a month of the databases: █ done, ▓ warnings, × failed, · "
            "nothing. The shades below show size and time, each a quarter of the most. New is what was fetched, stored "
            "what that takes on the disk. Enter browses a snapshot, shows what a run said, or a whole note."
        ),
    }[pane]


def _signs() -> list[Line]:
    words = {
        "failed": _("the last run failed"),
        "interrupted": _("the last run was interrupted"),
        "overdue": _("a clock is overdue"),
        "never": _("never backed up"),
        "damaged": _("something stored was found damaged: enter tells what to do"),
        "undrilled": _("no drill in time: t"),
        "running": _("a run is under way"),
        "waiting": _("a run waits"),
        "due": _("a backup is due soon"),
        "fresh": _("both clocks in time"),
        "warnings": _("done, with warnings"),
    }
    return [((right(SIGNS[name], 15) + "  ", name), (text, "")) for name, text in words.items()]
