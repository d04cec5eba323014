"""The part of the registry that is about dialogs: each one's keys, with ids, from which its bindings, its help and
docs/keys.md come. `actions` has the main screen's.

Moving has the same ids in all of them as on the main screen, so that other keys for it hold everywhere.
"""

from collections.abc import Mapping

import msgspec
from textual.binding import Binding

from tuibackup.words import later


class DialogAction(msgspec.Struct, frozen=True):
    """What keys (Textual's names) do in a dialog: `call` is the method's name without `action_`, with its words."""

    id: str
    keys: tuple[str, ...]
    call: str
    help: str


class Kind(msgspec.Struct, frozen=True):
    """A kind of dialog. `typing`: letters go into a field, so that no action may have one for its key."""

    name: str
    about: str
    actions: tuple[DialogAction, ...]
    typing: bool = False
    helped: bool = True  # False: the main screen's help is its own


def _moves(
    by: str = "go({})", *, page: str = "page({})", more: tuple[str, ...] = ()
) -> tuple[DialogAction, ...]:
    """A row, a page, all the way; `more` are other keys for a page down."""
    end = 10**9
    return (
        DialogAction("up", ("up", "k"), by.format(-1), later("One row up.")),
        DialogAction("down", ("down", "j"), by.format(1), later("One row down.")),
        DialogAction("page-up", ("pageup", "ctrl+u"), page.format(-1), later("A page up.")),
        DialogAction("page-down", ("pagedown", "ctrl+d", *more), page.format(1), later("A page down.")),
        DialogAction("top", ("home", "g"), by.format(-end), later("To the first row.")),
        DialogAction("bottom", ("end", "G"), by.format(end), later("To the last row.")),
    )


_HELP = DialogAction(
    "help", ("question_mark",), "help", later("What this dialog is for, and its keys; f1, too.")
)
_CLOSE = DialogAction("close", ("q",), "close", later("Close it and change nothing, as esc does."))
_COPY_COMMAND = DialogAction("copy", ("y",), "copy", later("Copy the command that does the same."))

DIALOGS: Mapping[str, Kind] = {
    "plan": Kind(
        later("plan"),
        later("What will be backed up, how long it takes and what it needs. Nothing starts before enter."),
        (
            DialogAction("plan-start", ("enter",), "start", later("Start the runs.")),
            DialogAction("plan-tick", ("space",), "tick", later("Include or leave out a server or a clock.")),
            DialogAction("plan-dry-run", ("d",), "dry", later("Dry run: say what would be done.")),
            DialogAction("plan-full", ("f",), "full", later("Full download, pointing into no older archive.")),
            DialogAction("up", ("up", "k"), "go(-1, 0)", later("One row up.")),
            DialogAction("down", ("down", "j"), "go(1, 0)", later("One row down.")),
            DialogAction("plan-left", ("left", "h"), "go(0, -1)", later("To the clock at the left.")),
            DialogAction("plan-right", ("right", "l", "tab"), "go(0, 1)", later("To the clock at the right.")),
            _COPY_COMMAND,
            _CLOSE,
            _HELP,
        ),
    ),
    "job": Kind(
        later("plan of a job"),
        later("What a verify, a drill or a copy will do. Nothing starts before enter."),
        (
            DialogAction("job-start", ("enter",), "start", later("Start it.")),
            _COPY_COMMAND,
            DialogAction("close", ("q", "n"), "close", later("Close it and change nothing, as esc does.")),
            _HELP,
        ),
    ),
    "retention": Kind(
        later("retention"),
        later("Which snapshots stay by the rules, why, and what goes. Nothing goes before one more question."),
        (
            DialogAction("retention-remove", ("enter",), "remove", later("Remove what goes; asks first.")),
            _COPY_COMMAND,
            *_moves(page="go({}0)", more=("space",)),
            _CLOSE,
            _HELP,
        ),
    ),
    "hold": Kind(
        later("hold, release"),
        later("Why a snapshot is held, or released. Enter does it and records it; esc changes nothing."),
        (),
        typing=True,
    ),
    "browse": Kind(
        later("browse"),
        later(
            "What is stored: the snapshots, then folder by folder, or databases and tables. Marks are kept over several"
            " folders; what is marked elsewhere is counted in the first line."
        ),
        (
            DialogAction("browse-open", ("enter", "right", "l"), "open", later("Open the folder, or the snapshot.")),
            DialogAction("browse-up", ("backspace", "left", "h"), "up", later("Back to the folder above.")),
            DialogAction("mark", ("space",), "mark", later("Mark, or take the mark away.")),
            DialogAction(
                "browse-older", ("less_than_sign",), "other(-1)",
                later("The same path in the older snapshot in which it differs."),
            ),
            DialogAction(
                "browse-newer", ("greater_than_sign",), "other(1)",
                later("The same path in the newer snapshot in which it differs."),
            ),
            DialogAction(
                "browse-find", ("slash",), "find",
                later("Find a name anywhere in the snapshot; enter goes to where it lies."),
            ),
            DialogAction(
                "browse-preview", ("p",), "preview",
                later("The beginning of a text, or of anything else in hexadecimal."),
            ),
            DialogAction(
                "browse-about", ("i",), "about",
                later("All that is known of a name, and its versions; so does enter on a file."),
            ),
            DialogAction("copy", ("y",), "copy", later("Copy the command that restores it, but for where to.")),
            DialogAction(
                "browse-restore", ("R",), "restore",
                later("Restore what is marked, or what is under the cursor; asks where to."),
            ),
            *_moves(),
            _CLOSE,
            _HELP,
        ),
    ),
    "confirm": Kind(
        later("question before something"),
        later("It says what will happen. Every key but the one for yes means no."),
        (
            DialogAction("confirm-yes", ("y",), "yes", later("Yes, do it.")),
            DialogAction("confirm-no", ("n", "enter", "q"), "close", later("No; esc, too.")),
            _HELP,
        ),
    ),
    "reader": Kind(
        later("details, help, text"),
        later("Text to read, and to copy."),
        (
            *_moves(page="go({}0)", more=("space",)),
            DialogAction("copy", ("y",), "copy", later("Copy the text.")),
            DialogAction("close", ("q", "enter"), "close", later("Close it.")),
        ),
    ),
    "server": Kind(
        later("server's page"),
        later("Everything about one server, and every action on it."),
        (
            *_moves(),
            DialogAction("page-next", ("tab", "right"), "turn(1)", later("The next of its lists.")),
            DialogAction("page-previous", ("shift+tab", "left"), "turn(-1)", later("The list before.")),
            DialogAction("page-snapshots", ("1",), "show('snapshots')", later("Its snapshots.")),
            DialogAction("page-runs", ("2",), "show('runs')", later("Its runs.")),
            DialogAction("page-newest", ("3",), "show('newest')", later("Its newest run.")),
            DialogAction("page-notes", ("4",), "show('notes')", later("The notes about it.")),
            DialogAction("page-set-up", ("5",), "show('set-up')", later("How it is configured.")),
            DialogAction(
                "page-open", ("enter",), "open", later("Browse the snapshot; the output of the run; the whole note.")
            ),
            DialogAction("copy", ("y",), "copy", later("Copy the text.")),
            _CLOSE,
        ),
        helped=False,
    ),
    "output": Kind(
        later("output"),
        later("All that a run said, from its journal."),
        (
            *_moves(more=("space",)),
            DialogAction("output-filter", ("slash",), "filter", later("Show only lines that contain a text.")),
            DialogAction("copy", ("y",), "copy", later("Copy the text.")),
            DialogAction("close", ("q", "enter"), "leave", later("Close it.")),
            _HELP,
        ),
    ),
    "note": Kind(
        later("note"),
        later("What happened, and why. Enter writes it into the ledger, where it stays; esc writes nothing."),
        (),
        typing=True,
    ),
    "unprotected": Kind(
        later("unprotected"),
        later(
            "What of a server no backup holds, and what was accepted. Nothing is added or accepted before you say so."
        ),
        (
            DialogAction(
                "unprotected-add", ("enter", "a"), "add", later("Add the folder to the configuration; asks first.")
            ),
            DialogAction(
                "unprotected-accept", ("A",), "accept",
                later("No backup is needed: asks for the reason. Of what was accepted: take that back."),
            ),
            DialogAction("unprotected-look", ("L",), "look", later("Look at the server now.")),
            DialogAction("copy", ("y",), "copy", later("Copy the name.")),
            *_moves(page="go({}0)"),
            _CLOSE,
            _HELP,
        ),
    ),
    "accept": Kind(
        later("no backup needed"),
        later("Why it needs no backup, or why it needs one again. Enter records it; esc changes nothing."),
        (),
        typing=True,
    ),
    "choose": Kind(
        later("palette, choice"),
        later("Type a part of a line. Moving over a theme's name shows the theme; esc takes it back."),
        (
            DialogAction("choose-up", ("up",), "go(-1)", later("One line up.")),
            DialogAction("choose-down", ("down",), "go(1)", later("One line down.")),
            DialogAction("choose-page-up", ("pageup",), "go(-10)", later("Ten lines up.")),
            DialogAction("choose-page-down", ("pagedown",), "go(10)", later("Ten lines down.")),
        ),
        typing=True,
    ),
    "question": Kind(
        later("question of a run"),
        later("A run asks: a host key, a passphrase, a password. Enter answers; esc is no."),
        (DialogAction("question-others", ("f2",), "others", later("Use the passphrase for the other servers, too.")),),
        typing=True,
    ),
    "where": Kind(
        later("where to restore"),
        later(
            "A folder of this machine, SERVER:/NEW/FOLDER, or for a database a server. Enter shows the plan; nothing is"
            " restored before that."
        ),
        (
            DialogAction("where-previous", ("up",), "propose(-1)", later("The proposal before into the field.")),
            DialogAction("where-next", ("down",), "propose(1)", later("The next proposal into the field.")),
        ),
        typing=True,
    ),
    "restore": Kind(
        later("plan of a restore"),
        later("What will be restored, where, and what becomes of what exists there. Enter starts nothing."),
        (
            DialogAction("restore-start", ("R",), "start", later("Start it.")),
            DialogAction(
                "restore-policy", ("e",), "policy",
                later("What becomes of what exists there: leave it, replace what differs, replace all."),
            ),
            DialogAction(
                "restore-dry-run", ("d",), "dry",
                later("Dry run: what would be written, left and replaced, and the room there."),
            ),
            DialogAction("restore-nothing", ("enter",), "nothing", later("Say how to start it.")),
            _COPY_COMMAND,
            DialogAction("close", ("q", "n"), "close", later("Close it and change nothing, as esc does.")),
            _HELP,
        ),
    ),
    "find": Kind(
        later("find a name"),
        later(
            "A part of a name anywhere in the snapshot, large and small letters alike; * stands for anything. Enter"
            " looks for it."
        ),
        (),
        typing=True,
    ),
    "approval": Kind(
        later("approval of a restore"),
        later("Who approved the restore, and why: both are kept in the log. Enter goes on; esc restores nothing."),
        (),
        typing=True,
    ),
    "report": Kind(
        later("report"),
        later("The month or the year that the report is about. Enter makes it, in the SOP's own form; esc makes none."),
        (),
        typing=True,
    ),
    "setup": Kind(
        later("add, edit"),
        later(
            "Questions, each tried as soon as it is answered. Enter answers; esc goes back one question and loses"
            " nothing, while something is tried it stops that. Nothing is written before the last one; ctrl+q leaves."
        ),
        (
            DialogAction("setup-previous", ("up",), "choose(-1)", later("The offered answer before into the field.")),
            DialogAction("setup-next", ("down",), "choose(1)", later("The next offered answer into the field.")),
            DialogAction("setup-page-up", ("pageup",), "scroll(-10)", later("Scroll up.")),
            DialogAction("setup-page-down", ("pagedown",), "scroll(10)", later("Scroll down.")),
            DialogAction("setup-copy", ("f2",), "copy", later("Copy the lines that are to be pasted elsewhere.")),
        ),
        typing=True,
    ),
}  # fmt: skip
IDS = frozenset(one.id for kind in DIALOGS.values() for one in kind.actions)
# In every dialog, beside its own, and without ids, because they must do the same everywhere: close, say how to leave,
# close; and the help, which is told as one of the keys that may be taken on the main screen.
TAKEN = ("escape", "ctrl+c", "ctrl+q")
HELP = "f1"


def bindings(kind: str) -> list[Binding]:
    """The bindings of such a dialog. Keys have priority, as everywhere: they are carried out in their order."""
    found = [
        Binding(",".join(one.keys), one.call, show=False, id=one.id, priority=True)
        for one in DIALOGS[kind].actions
    ]
    return [*found, Binding(HELP, "help", show=False, priority=True)] if DIALOGS[kind].helped else found
