"""Which run is meant: by its id, the beginning of one, or the server's name.

A server's name means its run under way. A second one that was started meanwhile has the newer journal, and is refused.
"""

from contextlib import suppress
from pathlib import Path

from tuibackup.cli.output import say
from tuibackup.config import Config
from tuibackup.errors import BusyError, LedgerError, TuibackupError, UsageError
from tuibackup.run.held import TURN
from tuibackup.run.journal.journal import every_journal, first, last
from tuibackup.run.places import open_ledger
from tuibackup.run.process.living import ActiveRun, active_runs
from tuibackup.run.process.recovery import KEEP_DAYS
from tuibackup.text import printable
from tuibackup.vault.names import file_name
from tuibackup.words import _


def run_named(config: Config, word: str) -> tuple[str, Path]:
    """Id and journal of the run `word`; for a server the one under way, else its last. UsageError for none."""
    going = run_of(config, word)
    if going is not None:
        return going.run, going.journal
    if word in config.servers:
        return _last_of(config, word)
    known = list(every_journal(config.state))
    found = [path for path in known if path.stem.startswith(word)]
    exact = [path for path in found if path.stem == word]
    if len(exact or found) == 1:
        path = (exact or found)[0]
        return path.stem, path
    if found:
        raise UsageError(
            _("{word} is the beginning of {number} runs").format(word=word, number=len(found)),
            _("say more of it"),
        )
    _gone(config, word)
    raise UsageError(
        _("there is no run {word}").format(word=printable(word)),
        _("tuibackup follow shows what runs, tuibackup log what was done"),
    )


def _gone(config: Config, word: str) -> None:
    """TuibackupError where the ledger knows that run: its journal was there once."""
    recorded: list[str] = []
    with suppress(LedgerError), open_ledger(config, read_only=True, patience=TURN) as ledger:
        recorded = ledger.runs_beginning(word)
    if word in recorded or len(recorded) == 1:
        run = printable(word if word in recorded else recorded[0])
        text = _("the journal of {run} is not there any more: journals are kept for {days} days")
        raise TuibackupError(
            text.format(run=run, days=KEEP_DAYS),
            _("what was recorded of it: tuibackup log --run {run}").format(run=run),
        )


def run_of(config: Config, server: str) -> ActiveRun | None:
    """The run of `server` that is under way, also where the configuration knows it no more; says so of others."""
    runs = [one for one in active_runs(config) if one.server == server]
    if len(runs) > 1:
        others = ", ".join(printable(one.run) for one in runs[1:])
        line = _("{server} has other runs under way: {runs}; this is about {run}")
        say(line.format(server=server, runs=others, run=runs[0].run), "")
    return runs[0] if runs else None


def _last_of(config: Config, server: str) -> tuple[str, Path]:
    """Its newest run that was not refused because another one held the server."""
    mine = f"-{file_name(server)}-"
    refused = None
    for path in every_journal(config.state):
        if mine in path.name and (planned := first(path)) and planned.server == server:
            finished = last(path)
            if finished is None or finished.exit_code != BusyError.exit_code:
                return planned.run, path
            refused = refused or (planned.run, path)
    if refused is not None:
        return refused
    raise UsageError(
        _("{server} has no run to follow").format(server=server), _("tuibackup log tells of old ones")
    )
