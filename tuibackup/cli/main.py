"""The entry point: finds the command, runs it, and turns errors into one line and an exit code."""

import argparse
import gc
import os
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn, Protocol, cast

from tuibackup import __version__
from tuibackup.cli import argparse_words, attendant, attended, language, streams
from tuibackup.cli.context import Context
from tuibackup.errors import TuibackupError, UsageError
from tuibackup.words import _, in_language

COMMANDS = (
    "run",
    "follow",
    "stop",
    "status",
    "log",
    "note",
    "history",
    "report",
    "snapshots",
    "ls",
    "find",
    "diff",
    "cat",
    "verify",
    "drill",
    "restore",
    "recover",
    "retention",
    "hold",
    "release",
    "holds",
    "copy",
    "copies",
    "add",
    "edit",
    "trust",
    "check",
    "discover",
    "accept",
    "notify",
    "metrics",
    "install-timer",
    "ledger",
    "completion",
    "demo",
)

# All others change something.
LOOKING = frozenset(
    {
        "follow", "status", "log", "history", "snapshots", "ls", "find", "diff", "cat", "holds", "copies", "check",
        "discover", "metrics", "ledger", "report", "completion",
        "recover",  # its page; with --onto it looks itself
    }
)  # fmt: skip

WARNINGS = 3
_SELDOM = 50_000  # objects, a few megabytes, that come before Python looks for garbage
INTERRUPTED = 130
LEAVE_SECONDS = 5.0  # to wait for threads at the end; one that hangs in a dead disk or name server is left


class Command(Protocol):
    """The functions of each command's file."""

    def define(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's words and options, and its description."""

    def run(self, args: argparse.Namespace, context: Context) -> int:
        """Do it; returns the exit code. Raises TuibackupError."""


class Parser(argparse.ArgumentParser):
    """Reports wrong words in one line with exit code 2, as all usage errors."""

    def __init__(self, prog: str) -> None:
        super().__init__(
            prog=prog,
            allow_abbrev=False,
            add_help=False,
        )
        # argparse speaks English only; these are the words of ours that it prints.
        self._positionals.title = _("words")
        self._optionals.title = _("options")
        self.add_argument("-h", "--help", action="help", help=_("show this and exit"))

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, _("see {command} --help").format(command=self.prog))


def command() -> NoReturn:
    """The installed command: `main`, then an end without the interpreter's tidying up, which takes 25 ms."""
    gc.set_threshold(_SELDOM)  # looking for garbage among what is being imported took a tenth of a second
    streams.replace()
    attendant.attend()
    code = main(alone=True)
    with suppress(streams.GoneError, TuibackupError):  # output before an error; `main` has reported the error
        sys.stdout.flush()
    attended.over(code)
    deadline = time.monotonic() + LEAVE_SECONDS
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))
    os._exit(code)


def main(argv: list[str] | None = None, *, alone: bool = False) -> int:
    """Run the command line `argv` (default: the process's own); returns the exit code.

    `alone`: nothing but the command goes on in this process, so that it may be forked.
    """
    argv = sys.argv[1:] if argv is None else argv
    language.speak(argv)
    argparse_words.speak()
    _survive_any_locale()
    context = Context(alone=alone)
    code = _carried_out(argv, context)
    if context.unrecorded:
        _say(context.unrecorded)
        code = code or WARNINGS
    context.close()
    return code


def _carried_out(argv: list[str], context: Context) -> int:
    """The exit code; an error is printed in one line."""
    try:
        try:
            code = _command(argv, context)
        except SystemExit as end:  # argparse has printed its help
            code = int(end.code or 0)
        sys.stdout.flush()
    except BaseException as error:
        return _told(error, context)
    return code


def _told(error: BaseException, context: Context) -> int:
    """Print what ended the command; returns its exit code."""
    while isinstance(
        error, BaseExceptionGroup
    ):  # several errors at once: the first one ended the other tasks
        error = error.exceptions[0]
    match error:
        case TuibackupError():
            _say(str(error))
            return error.exit_code
        case streams.GoneError():  # nobody is left to read a message
            return error.exit_code
        case KeyboardInterrupt():
            return INTERRUPTED
        case _:
            from tuibackup.run.process.crash import line_of, record

            _say(line_of(error) if context.read_only else record(error, context.state))
            return 1


def _command(argv: list[str], context: Context) -> int:
    top = top_parser()
    args = top.parse_args(argv)
    context.config_path = args.config
    if args.command is None:
        from tuibackup.cli import cockpit

        return cockpit.run(args, context)
    if args.command not in COMMANDS:
        top.error(_("there is no command {word}").format(word=args.command) + _nearest(args.command))
    words = parser_of(args.command, args.config, read_only=args.read_only).parse_intermixed_args(args.words)
    context.config_path, context.read_only = words.config, words.read_only
    if context.read_only and args.command not in LOOKING and not getattr(words, "dry_run", False):
        raise UsageError(
            _("--read-only: {command} would change something").format(command=args.command),
            _("leave --read-only out"),
        )
    return _of(args.command).run(words, context)


def parser_of(name: str, config: Path | None = None, *, read_only: bool = False) -> Parser:
    """The words of one of COMMANDS; `config` and `read_only` are what was said before it."""
    parser = Parser(f"tuibackup {name}")
    _of(name).define(parser)
    # Allowed after the command, too; the default keeps what was said before the command.
    parser.add_argument("--config", type=Path, metavar="FILE", default=config, help=_CONFIG_HELP)
    parser.add_argument("--read-only", action="store_true", default=read_only, help=_read_only_help())
    return parser


def _of(name: str) -> Command:
    return cast("Command", import_module(f"tuibackup.cli.{name.replace('-', '_')}"))


_CONFIG_HELP = "config.toml"


def _read_only_help() -> str:
    return _("look, but start and change nothing")


def top_parser() -> Parser:
    """The words in front of a command, and the command."""
    parser = Parser("tuibackup")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _(
        "Backs up servers by the book: four steps, two clocks, one ledger.\nWithout a command: the cockpit."
    )
    parser.epilog = "\n".join([_("commands:"), *(f"  {usage:<52} {text}" for usage, text in _summary())])
    parser.usage = "tuibackup [--config FILE] [--read-only] [COMMAND …]"
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=_("the configuration (default: $TUIBACKUP_CONFIG, ~/.config/tuibackup, /etc/tuibackup)"),
    )
    parser.add_argument("--read-only", action="store_true", help=_read_only_help())
    parser.add_argument(
        "--version", action="version", version=f"tuibackup {__version__}", help=_("show the version and exit")
    )
    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _summary() -> list[tuple[str, str]]:
    return [
        ("run SERVER… | --all | --due | --overdue | --failed", _("back up, step by step")),
        ("follow [RUN]", _("watch a run that goes on")),
        ("stop RUN", _("stop a run; the next one goes on from there")),
        ("status", _("both clocks of every server")),
        ("log", _("what was done, from the ledger")),
        ("note [--server S | --run R] TEXT", _("write into the ledger what happened, and why")),
        ("history [SERVER]", _("a year of backups: a cell a week, or a month")),
        (
            "report [--month 2026-11 | --year | --run | --restore]",
            _("the SOP's form, printed from the ledger"),
        ),
        ("snapshots [SERVER]", _("what the vault holds")),
        ("ls SNAPSHOT [PATH]", _("what a snapshot holds")),
        ("find PATTERN [SERVER | SNAPSHOT …]", _("where a name is, and in which snapshots")),
        ("diff SNAPSHOT SNAPSHOT [PATH]", _("what differs between two snapshots")),
        ("cat SNAPSHOT PATH", _("the content of a file, or the SQL of a database")),
        ("verify [SERVER | SNAPSHOT | --due]", _("read everything again and compare the hashes")),
        ("drill SERVER | SNAPSHOT | --due", _("restore into a scratch place, compare, throw away")),
        ("restore SNAPSHOT [PATH…] --to DIR", _("get files or databases back")),
        (
            "restore SNAPSHOT --database NAME --into TARGET",
            _("a database, or a table, into a database server"),
        ),
        ("recover SERVER [--onto OTHER]", _("the page to follow when a server is lost; carry it out")),
        ("retention [SERVER…] [--apply]", _("which snapshots stay and why; remove the others")),
        (
            "hold SNAPSHOT --reason TEXT",
            _("keep a snapshot, and what it points into, whatever the rules say"),
        ),
        ("release SNAPSHOT --reason TEXT", _("end a hold")),
        ("holds", _("what is held, by whom and why")),
        ("copy [SERVER… | SNAPSHOT] [--to COPY]", _("copy what is missing to the second places")),
        ("copy --back COPY [SERVER…]", _("make a lost vault anew out of a copy")),
        ("copies", _("the second places: what lies there, what they lack")),
        ("add [HOST]", _("set up a server by questions; every answer is tried")),
        ("edit SERVER", _("change a server, or take it out")),
        ("trust SERVER", _("see and accept a server's host key")),
        ("check [SERVER]", _("try everything a run needs, change nothing")),
        ("discover SERVER", _("what a server has, and what of it no backup holds")),
        ("accept SERVER WHAT --reason TEXT", _("say that a folder or database needs no backup")),
        ("notify [--test | --summary]", _("tell by mail and otherwise what is to be told")),
        ("metrics", _("figures for Prometheus, as its textfile collector reads them")),
        ("install-timer [--print]", _("do all that by itself: units for systemd, or lines for cron")),
        ("ledger verify | export | seal", _("check the record, take it out, sign it")),
        ("completion bash | zsh | fish", _("the shell completes commands, options, servers, snapshots")),
        ("demo [--headless]", _("a playground with real servers on this machine")),
    ]


def _nearest(word: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, COMMANDS, 1)
    return _(" (did you mean {word}?)").format(word=near[0]) if near else ""


def _say(line: str) -> None:
    from tuibackup.cli.output import say

    for one in in_language(line).split("\n"):  # a configuration's errors come all at once, a line each
        say(one)


def _survive_any_locale() -> None:
    """A terminal without UTF-8 shows √ as +, not a traceback."""
    from tuibackup.cli.output import plain_symbols

    plain_symbols(sys.stdout, sys.stderr)


if __name__ == "__main__":
    command()
