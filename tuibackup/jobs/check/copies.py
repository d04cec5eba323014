"""The second places, for `check`: whether each can be used, and what its store really does."""

from collections.abc import Iterator

from tuibackup.config import Config
from tuibackup.config.copies import CopySettings
from tuibackup.errors import TuibackupError
from tuibackup.jobs.check.answer import Check, State
from tuibackup.jobs.recorder import Recorder
from tuibackup.remote.questions import Answers
from tuibackup.words import joined, sentence


def check_copies(config: Config, recorder: Recorder | None, answers: Answers) -> Iterator[Check]:
    """A line for each place, and for each thing that its store was found to do.

    Without a `recorder` nothing is tried that would leave a trace: a host that asks for its key, a store.
    """
    for copy in config.copies.values():
        what = sentence("copy")
        for state, text in _of(config, copy, recorder, answers):
            yield Check(what, state, joined(": ", (copy.name, text)))


def _of(
    config: Config, copy: CopySettings, recorder: Recorder | None, answers: Answers
) -> Iterator[tuple[State, str]]:
    from tuibackup.copies.known import Known
    from tuibackup.copies.objectstore.target import ObjectTarget
    from tuibackup.copies.place import read_identity, require
    from tuibackup.copies.target import AwayError
    from tuibackup.jobs.copy.probing import probe_now
    from tuibackup.jobs.copy.reach import reached
    from tuibackup.jobs.copy.way import Way

    if recorder is None:
        return
    try:
        with reached(config, copy, Way(answers, recorder, lambda note: None)) as target:
            found = read_identity(target)
            if found is not None:
                require(target, found, Known(config.state, copy.name).notes().id or None)
                yield State.OK, sentence("{place} can be used", place=target.name)
            else:
                yield State.OK, sentence("{place} can be used; it holds no copies yet", place=target.name)
            if isinstance(target, ObjectTarget):
                for good, text in probe_now(copy, target, recorder):
                    yield State.OK if good else State.WARNING, text
    except AwayError as error:
        plugged = copy.to.scheme == ""  # a disk is not always there, and that is no fault
        yield State.OK if plugged else State.WARNING, sentence("away now: {why}", why=error.message)
    except TuibackupError as error:
        yield State.FAILED, str(error)
