"""A server whose clock a test may set ahead, so that two seconds need not be waited for.

A file written less than two seconds before an inventory is fetched again the next time. Where nothing writes during
the inventory, a server that says it is some seconds later than it is stands for one that was left alone so long.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuibackup.demo.sshd import PrivateSshd

_DATE = """#!/bin/sh
case $1 in
+%s) echo $(($(/usr/bin/date +%s) + $(cat "{ahead}"))) ;;
*) exec /usr/bin/date "$@" ;;
esac
"""


@contextmanager
def ticking_sshd(place: Path) -> Iterator[PrivateSshd]:
    """An sshd whose clock is ahead by the seconds in `place`/ahead."""
    tools = place / "tools"
    tools.mkdir()
    (place / "ahead").write_text("0")
    (tools / "date").write_text(_DATE.format(ahead=place / "ahead"))
    (tools / "date").chmod(0o755)
    command = f"""PATH={tools}:$PATH; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND" """
    with PrivateSshd(place / "ticking", force_command=command) as sshd:
        yield sshd


def ticking_ahead(place: Path, seconds: int) -> None:
    """Set the clock of `ticking_sshd` in `place`."""
    (place / "ahead").write_text(str(seconds))
