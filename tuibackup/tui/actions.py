"""The one registry of actions: bindings, footer, palette, help and docs/keys.md all come from here.

An action knows its keys, its words, and why it cannot be used now; what it does is a method `do_<id>` of a
file of `doing/`, of the app or of the main screen (dashes become underscores).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tuibackup.overview.picture import Picture, ServerRow
from tuibackup.run.journal.job_view import JobView
from tuibackup.tui.dialog_actions import DIALOGS
from tuibackup.words import _, later

PAGE = 5  # stands for a pane: the server's page
PANES = {
    1: later("servers"), 2: later("run"), 3: later("dump"), 4: later("log"), PAGE: later("server's page"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides which actions can be used: the picture and where the cursor is."""

    picture: Picture
    pane: int  # the focused one
    row: ServerRow | None = None
    marked: int = 0
    filtered: bool = False  # whether not all servers are shown
    late: int = 0  # servers that `o` would mark
    due: int = 0  # and `O`
    entry: bool = False  # whether a log entry is under the cursor
    read_only: bool = False
    started: bool = False  # whether a request of ours still asks its questions
    output: str = ""  # the run or job whose output would be shown
    snapshot: str = ""  # the one under the cursor of a server's page


WhyNot = Callable[[Situation], str | None]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done. Texts are English here and translated where shown.

    `keys` are Textual's names. `footer` orders the bottom line, None keeps the action out of it. `panes` are those
    where it works, empty for all; `anywhere` is in dialogs too, `page` on the server's page: there it is about that
    server. `changes` says that --read-only takes it away.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    footer: int | None = None
    panes: tuple[int, ...] = ()
    changes: bool = False
    anywhere: bool = False
    page: bool = False
    why_not: WhyNot = lambda situation: None

    @property
    def method(self) -> str:
        return "do_" + self.id.replace("-", "_")


def _needs_server(situation: Situation) -> str | None:
    return None if situation.row or situation.marked else _under_cursor(situation)


def _under_cursor(situation: Situation) -> str | None:
    """For what is about the one server under the cursor, whatever is marked."""
    if situation.row:
        return None
    if situation.filtered:
        return _("the filter shows no server; esc takes it away")
    return _("there is no server to choose")


def _plan(situation: Situation) -> str | None:
    if situation.started:
        return _("a request is still being started; answer its questions first")
    if situation.marked:
        return None
    if situation.row and situation.row.run:
        return _("a run of {server} is under way").format(server=situation.row.name)
    return _needs_server(situation)


def _plan_failed(situation: Situation) -> str | None:
    if situation.marked or (situation.row and situation.row.why):
        return _plan(situation)
    name = situation.row.name if situation.row else ""
    return _needs_server(situation) or _("nothing of {server} failed at its last try").format(server=name)


def _output(situation: Situation) -> str | None:
    return None if situation.output else _("there is no run whose output could be shown")


def _mark_late(situation: Situation) -> str | None:
    if situation.filtered and not situation.late:
        return _("nothing that the filter shows is overdue")
    return None if situation.late else _("nothing is overdue")


def _mark_due(situation: Situation) -> str | None:
    if situation.filtered and not situation.due:
        return _("nothing that the filter shows is due")
    return None if situation.due else _("nothing is due")


def _stop(situation: Situation) -> str | None:
    if situation.row is None:
        return _under_cursor(situation)
    if not situation.row.run and job_of(situation) is None:
        return _("no run or job of {server} is under way").format(server=situation.row.name)
    return None


def job_of(situation: Situation) -> JobView | None:
    """The job under way that concerns the server under the cursor, or all servers."""
    name = situation.row.name if situation.row else ""
    return next(
        (
            job
            for job in situation.picture.jobs
            if job.planned and not job.finished and job.planned.server in (name, "")
        ),
        None,
    )


def _filter(situation: Situation) -> str | None:
    if situation.pane in (1, 4):
        return None
    return _("this pane has nothing to filter; 1 and 4 have")


def _sort(situation: Situation) -> str | None:
    return None if situation.picture.rows else _("there is no server to choose")


def _runs(situation: Situation) -> str | None:
    return None if situation.picture.active else _("no run is under way")


def _entry(situation: Situation) -> str | None:
    if situation.pane == 4:
        return None if situation.entry else _("the log is empty")
    return _under_cursor(situation)


def _messages(situation: Situation) -> str | None:
    return None if situation.picture.tells else _("[notify] in config.toml names nobody who is told")


def _copy_now(situation: Situation) -> str | None:
    if not situation.picture.copies:
        return _("[copies] in config.toml names no second place")
    return _under_cursor(situation)


def _hold(situation: Situation) -> str | None:
    return None if situation.snapshot else _("no snapshot is under the cursor: the server's page lists them")


ACTIONS: tuple[Action, ...] = (
    Action(
        "back-up", ("b",), later("back up"),
        later("Plan a backup of the marked servers, or of the one under the cursor. Nothing starts before enter."),
        footer=1, changes=True, page=True, why_not=_plan,
    ),
    Action(
        "back-up-failed", ("B",), later("back up what failed"),
        later("Plan a backup of only what gave no good backup at its last try, of the marked servers, or of the one "
              "under the cursor. Nothing starts before enter."),
        changes=True, page=True, why_not=_plan_failed,
    ),
    Action(
        "mark-overdue", ("o",), later("mark overdue"),
        later("Mark every server that is overdue or was never backed up. Starts nothing."),
        footer=2, why_not=_mark_late,
    ),
    Action(
        "mark-due", ("O",), later("mark due"),
        later("Mark every server that is due, overdue or was never backed up, as `run --due` takes them."),
        why_not=_mark_due,
    ),
    Action(
        "mark", ("space",), later("mark"), later("Mark the server under the cursor, or take its mark away."),
        footer=9, panes=(1,), why_not=_under_cursor,
    ),
    Action(
        "details", ("enter",), later("details"),
        later("Open the server's page, with every action on it; or show a log entry in full."),
        footer=3, why_not=_entry,
    ),
    Action(
        "stop", ("x",), later("stop"),
        later("Stop the run, or else the job, of the server under the cursor. Asks first; what is complete is kept."),
        footer=4, changes=True, page=True, why_not=_stop,
    ),
    Action(
        "output", ("l",), later("output"),
        later("All that a run said, from its journal: the one under the cursor, else the server's newest."),
        page=True, why_not=_output,
    ),
    Action(
        "note", ("n",), later("note"),
        later(
            "Write into the ledger: a note about the server, why a step was slow, why what is unusual is right;"
            " in the log a correction."
        ),
        changes=True, page=True, why_not=_under_cursor,
    ),
    Action(
        "restore", ("r",), later("restore"),
        later("Browse what is stored of the server under the cursor, and get files or databases back."),
        footer=8, page=True, why_not=_under_cursor,
    ),
    Action(
        "verify", ("v",), later("verify"),
        later("Read all that is stored of the server under the cursor again, and compare every hash."),
        footer=13, changes=True, page=True, why_not=_under_cursor,
    ),
    Action(
        "drill", ("t",), later("drill"),
        later("Restore the newest good snapshots of the server under the cursor into a scratch place, and compare."),
        footer=14, changes=True, page=True, why_not=_under_cursor,
    ),
    Action(
        "copy-now", ("c",), later("copy now"),
        later("Copy what is missing of the server under the cursor to its second places. Nothing starts before enter."),
        changes=True, page=True, why_not=_copy_now,
    ),
    Action(
        "hold", ("h",), later("hold"),
        later("Hold the snapshot under the cursor, whatever the rules of retention say, or release it; asks why."),
        changes=True, page=True, why_not=_hold,
    ),
    Action(
        "retention", ("K",), later("retention"),
        later("Which snapshots of the server under the cursor stay, why, and what goes. It asks before anything goes."),
        changes=True, page=True, why_not=_under_cursor,
    ),
    Action(
        "recover", ("R",), later("recover"),
        later("The page to follow when the server under the cursor is lost: its snapshots, the order, the commands."),
        page=True, why_not=_under_cursor,
    ),
    Action(
        "add", ("a",), later("add server"),
        later("Set up a server by questions; every answer is tried at once. Nothing is written before the last one."),
        footer=15, changes=True,
    ),
    Action(
        "edit", ("e",), later("edit server"),
        later("Ask the same questions of the server under the cursor, with the present answers; or take it out."),
        changes=True, page=True, why_not=_under_cursor,
    ),
    Action(
        "unprotected", ("u",), later("unprotected"),
        later("What of the server no backup holds: folders and databases that were found there, and the way out."),
        page=True, why_not=_under_cursor,
    ),
    Action(
        "messages", ("M",), later("messages"),
        later("Who was told what of all this, when, and what could not be sent."), why_not=_messages,
    ),
    Action(
        "report", ("P",), later("report"),
        later("Make the report of a month or a year in the SOP's own form, and show where it lies."),
        changes=True,
    ),
    Action("filter", ("slash",), later("filter"), later("Show only what contains a text; empty shows all again."),
           footer=5, panes=(1, 4), why_not=_filter),
    Action("sort", ("s",), later("sort"), later("Sort the servers again, worst first."), footer=10, why_not=_sort),
    Action("next-run", ("right_square_bracket",), later("next run"), later("Go to the next server with a run under "
           "way."), why_not=_runs),
    Action("previous-run", ("left_square_bracket",), later("previous run"), later("Go to the previous server with a "
           "run under way."), why_not=_runs),
    Action("copy", ("y",), later("copy row"), later("Show the row as text that can be selected, and copy it."),
           footer=11, why_not=_entry),
    Action("pane-1", ("1",), later("go to the servers"), later("Go to the servers.")),
    Action("pane-2", ("2",), later("go to the run"), later("Go to the run.")),
    Action("pane-3", ("3",), later("go to the dump"), later("Go to the dump.")),
    Action("pane-4", ("4",), later("go to the log"), later("Go to the log.")),
    Action("next-pane", ("tab",), later("next pane"), later("Go to the next pane.")),
    Action("previous-pane", ("shift+tab",), later("previous pane"), later("Go to the pane before.")),
    Action("up", ("up", "k"), later("up"), later("One row up.")),
    Action("down", ("down", "j"), later("down"), later("One row down.")),
    Action("page-up", ("pageup", "ctrl+u"), later("page up"), later("A page up.")),
    Action("page-down", ("pagedown", "ctrl+d"), later("page down"), later("A page down.")),
    Action("top", ("home", "g"), later("first row"), later("To the first row.")),
    Action("bottom", ("end", "G"), later("last row"), later("To the last row.")),
    Action("palette", ("ctrl+p", "colon"), later("all actions"), later("Every action by name, and the themes."),
           footer=12),
    Action("help", ("question_mark", "f1"), later("help"), later("What the focused pane shows, and its keys."),
           footer=6, page=True),
    Action("redraw", ("ctrl+l",), later("redraw"),
           later("Draw everything again: something else wrote on the terminal."), anywhere=True),
    Action("suspend", ("ctrl+z",), later("suspend"), later("Go to the shell; fg comes back. Runs go on."),
           anywhere=True),
    Action("quit", ("q",), later("quit"), later("Leave the cockpit. Runs go on."), footer=7),
)  # fmt: skip
BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}

_NAMES = {
    "slash": "/", "question_mark": "?", "left_square_bracket": "[", "right_square_bracket": "]", "colon": ":",
    "pageup": "pgup", "pagedown": "pgdn", "less_than_sign": "<", "greater_than_sign": ">",
}  # fmt: skip


def keys_of(action: Action, keymap: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of an action: those of `[keymap]` if it names them."""
    return tuple(key.strip() for key in keymap[action.id].split(",")) if action.id in keymap else action.keys


def key_name(key: str) -> str:
    """A key as people write it: "/", "^p", "pgup"."""
    if key.startswith("ctrl+"):
        return "^" + key.removeprefix("ctrl+")
    return _NAMES.get(key, key)


def read_only() -> str:
    """Why nothing that changes anything can be used."""
    return _("--read-only: this cockpit starts and changes nothing")


def reason(action: Action, situation: Situation) -> str | None:
    """Why an action cannot be used now; None if it can."""
    if action.changes and situation.read_only:
        return read_only()
    if action.panes and situation.pane not in action.panes:
        names = ", ".join(_(PANES[pane]) for pane in action.panes)
        return _("works in: {panes}").format(panes=names)
    return action.why_not(situation)


def offered(situation: Situation) -> tuple[Action, ...]:
    """All actions; with --read-only only those that change nothing."""
    return tuple(action for action in ACTIONS if not (action.changes and situation.read_only))


def label(action: Action, situation: Situation) -> str:
    """The action's words; if servers are marked, with their number."""
    text = _(action.label)
    return f"{text} {situation.marked}" if action.id == "back-up" and situation.marked else text


def hints(situation: Situation, keymap: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """The bottom line: (key, words, usable), the most needed first, quit last. --read-only leaves some out."""
    listed = [
        action
        for action in offered(situation)
        if action.footer is not None and not (action.panes and situation.pane not in action.panes)
    ]  # fmt: skip
    listed.sort(key=lambda action: (action.id in ("help", "quit"), action.footer))
    return [
        (key_name(keys_of(action, keymap)[0]), label(action, situation), reason(action, situation) is None)
        for action in listed
    ]


def of_page(
    main: Situation, picture: Picture, row: ServerRow | None, output: str, snapshot: str = ""
) -> Situation:
    """The situation on a server's page: `main`'s, without marks, about that server alone."""
    return replace(
        main,
        picture=picture,
        pane=PAGE,
        row=row,
        marked=0,
        late=0,
        due=0,
        entry=False,
        output=output,
        snapshot=snapshot,
    )


def page_hints(situation: Situation, keymap: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """The keys of a server's page, as `hints`."""
    usable = {action.id: reason(action, situation) is None for action in offered(situation) if action.page}
    listed = sorted(
        (BY_ID[name] for name in usable),
        key=lambda action: (action.id == "help", not usable[action.id], action.footer or 99),
    )
    return [(key_name(keys_of(action, keymap)[0]), _(action.label), usable[action.id]) for action in listed]


def sheet() -> str:
    """docs/keys.md: the key sheet, written by `python -m tuibackup.tui.actions`."""
    rows = [f"| {_keys(action.keys)} | `{action.id}` | {action.help} |" for action in ACTIONS]
    dialogs = [
        f"| {kind.name} | {_keys(one.keys)} | `{one.id}` | {one.help} |"
        for kind in DIALOGS.values()
        for one in kind.actions
    ]
    return "\n".join(
        (
            "# Keys of the cockpit",
            "",
            "Written by `python -m tuibackup.tui.actions` from the registry; a test fails when it is stale.",
            'Other keys for an action, with commas between them: `[keymap]` in `config.toml`, `back-up = "b,f5"`.',
            "",
            "| keys | action | what it does |",
            "|---|---|---|",
            *rows,
            "",
            "`ctrl+c` kills nothing: it says how to leave. `ctrl+q` closes a dialog, or leaves the main screen.",
            "",
            "## In dialogs",
            "",
            "`esc` closes each of them and changes nothing; `f1` shows its help. What the main screen has, too, has",
            "one name, and the same other keys. Where letters go into a field no action may have one for its key.",
            "",
            "| where | keys | action | what it does |",
            "|---|---|---|---|",
            *dialogs,
            "",
        )
    )


def _keys(keys: tuple[str, ...]) -> str:
    return " ".join(f"`{key_name(key)}`" for key in keys)


if __name__ == "__main__":
    from pathlib import Path

    Path(__file__).parents[2].joinpath("docs", "keys.md").write_text(sheet(), "utf-8")
