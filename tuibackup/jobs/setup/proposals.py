"""What folders to propose for a server: where applications usually lie, with their sizes. Read-only and bounded."""

from dataclasses import dataclass

from tuibackup.config.patterns import check
from tuibackup.config.servers import remote_path
from tuibackup.errors import RemoteCommandError
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session

_SECONDS = 20.0
_LIMIT = 256 << 10
_MOST = 9
# Size in KiB (what could be counted within the time), whether all of it could be read, and the path, each in its line.
_LOOK = rb"""
for folder in /var/www/*/ /srv/*/ /srv/www/*/ /home/*/public_html/ /home/*/www/ /opt/*/htdocs/ /usr/share/nginx/*/; do
  folder=${folder%/}
  test -d "$folder" || continue
  test "$(ls -A "$folder" 2>/dev/null | head -n 1)" || test ! -r "$folder" || continue
  said=$( { timeout 5 du -skx "$folder/" 2>/dev/null; echo "$?"; } | tail -n 2 | tr '\n\t' '  ')
  printf '%s|%s\n' "$said" "$folder"
done
"""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A folder with what lies in it: bytes as far as they are known; `closed`: some of it cannot be read."""

    path: str
    bytes: int | None
    closed: bool = False
    why: str = ""
    exclude: tuple[str, ...] = ()


async def propose(session: Session, probe: Probe) -> tuple[Proposal, ...]:
    """The folders, the largest first; none where nobody can be asked. Raises ConnectionLostError."""
    if not probe.shell:
        return ()
    try:
        said = await session.run(_LOOK, timeout=_SECONDS, limit=_LIMIT)
    except RemoteCommandError:
        return ()
    found = []
    for line in said.stdout.decode("utf-8", "surrogateescape").splitlines():
        counted, _, path = line.partition("|")
        words = counted.split()
        kibibytes = words[0] if words else ""
        if path.isprintable() and _usable(path):
            closed = words[-1:] == ["1"]
            found.append(
                Proposal(
                    path, int(kibibytes) << 10 if kibibytes.isdecimal() and len(words) > 2 else None, closed
                )
            )
    found.sort(key=lambda one: -(one.bytes or 0))
    return tuple(found[:_MOST])


def _usable(path: str) -> bool:
    try:
        check("x", ())
        return remote_path("folder")(path) == path
    except ValueError:
        return False
