"""A server that sends some of its files, and the rest when it is told to `go_on`: there is time to act meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.acceptance.site import Site
from tuibackup.demo.sshd import PrivateSshd

GO_ON = "[ -e '{}/go on' ]"


def go_on(site: Site) -> None:
    """The server sends the rest of its files."""
    (site.folder / "go on").touch()


@contextmanager
def slow_sshd(site: Site) -> Iterator[PrivateSshd]:
    """An sshd whose tar, in `site`'s folder, does that."""
    tools = site.folder / "tools"
    tools.mkdir()
    (tools / "tar").write_text(
        '#!/bin/sh\ncase "$*" in *--version*|*--help*) exec /usr/bin/tar "$@";; esac\n'
        f'/usr/bin/tar "$@" | {{ head -c 200000; until {GO_ON.format(site.folder)}; do sleep 0.1; done; cat; }}\n'
    )
    (tools / "tar").chmod(0o755)
    command = f"""PATH={tools}:$PATH; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND" """
    with PrivateSshd(site.folder / "slow", force_command=command) as server:
        yield server
