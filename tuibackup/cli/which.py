"""Which run is meant: by its id, the beginning of one, or the server's name."""

from pathlib import Path

from tuibackup.config import Config
from tuibackup.errors import UsageError
from tuibackup.run.journal import first, journals
from tuibackup.text import printable
from tuibackup.words import _


def run_named(config: Config, word: str) -> tuple[str, Path]:
    """Id and journal of the run `word`; for a server its newest. Raises UsageError where there is none."""
    known = journals(config.state)  # newest first
    if word in config.servers:
        for path in known:
            planned = first(path)
            if planned and planned.server == word:
                return path.stem, path
        raise UsageError(
            _("{server} has no run to follow").format(server=word), _("tuibackup log tells of old ones")
        )
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
    raise UsageError(
        _("there is no run {word}").format(word=printable(word)),
        _("tuibackup follow shows what runs, tuibackup log what was done"),
    )
