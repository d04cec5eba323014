"""The servers of the samples: how they answer, when a sample is made and when it is gone on with.

A snapshot holds the paths, times and owners of its server. So the servers of a sample lie at one place everywhere, and
their `find` tells of inodes, owners and times of change only what a copy of them can tell too: nobody can set those.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.site import Site
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd

ROOT = Path("/tmp/tuibackup-sample")  # a sample's world, when it was made
SERVER = ROOT / "server"
APPLICATION = SERVER / "srv/siakad"
ITS_SETTINGS = SERVER / "etc/siakad"
SCANS = SERVER / "srv/arsip"

SETTINGS = """\
operators = ["Andi", "Siti"]

[sop]
files_within = "2 weeks"
"""
# Longer than anybody keeps a sample: an increment must not become a full backup because years have gone by.
VAULT_SETTINGS = 'full_every = "100 years"\n'

# A network file system, whose inodes are not compared; everything is root's, and changed when its content was.
_FIND = """#!/bin/sh
for word do
    shift
    case $word in *%T@*) word=$(printf '%s' "$word" |
        sed 's/%C@/%T@/g; s/%F/nfs/g; s/%[UG]/0/g; s/%[ug]/root/g') ;; esac
    set -- "$@" "$word"
done
exec /usr/bin/find "$@"
"""
# While the file `hold` is there, the files of the second folder do not come, and `hold.met` says so.
_TAR = """#!/bin/sh
case "$*" in *{second}*) while [ -e {hold} ]; do : >{hold}.met; sleep 0.05; done ;; esac
exec /usr/bin/tar "$@"
"""
# What an ordinary account cannot read, root's must not be able to read either.
_HUMBLE = "setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all "


@dataclass(frozen=True)
class Servers:
    """`siakad` has a shell, `arsip` nothing but SFTP. While `hold` exists, siakad's second folder does not come."""

    siakad: PrivateSshd
    arsip: PrivateSshd
    hold: Path


@contextmanager
def servers(place: Path, *, humble: bool) -> Iterator[Servers]:
    """Start them, with keys and tools of theirs below `place`. `humble`: drop what only root may read."""
    tools, hold = place / "tools", place / "hold"
    tools.mkdir(parents=True)
    for name, text in (("find", _FIND), ("tar", _TAR.format(second=ITS_SETTINGS, hold=hold))):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    shell = f"""{_HUMBLE if humble else ""}sh -c "$SSH_ORIGINAL_COMMAND" """
    command = f"PATH={tools}:$PATH; export PATH; exec {shell}"
    with (
        PrivateSshd(place / "siakad", force_command=command) as siakad,
        PrivateSshd(place / "arsip", force_command="internal-sftp") as arsip,
    ):
        yield Servers(siakad, arsip, hold)


def configure(site: Site, there: Servers, database: PrivateMariadb, *, trusted: bool) -> None:
    """The configuration of a sample. `trusted`: the host key of arsip is known, as that of siakad."""
    site.settings, site.vault_settings = SETTINGS, VAULT_SETTINGS
    login = f'user = "{account()}"\nsocket = "{database.socket}"\n'
    site.add(
        "siakad", there.siakad, [APPLICATION, ITS_SETTINGS], database=login, extra='exclude = ["*.log"]\n'
    )
    site.add("arsip", there.arsip, [SCANS], trusted=trusted)
