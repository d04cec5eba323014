"""Servers that runs are planned for, and runs of theirs that the ledger knows."""

from datetime import UTC, datetime, timedelta

from tuibackup.config import Config
from tuibackup.ledger.entries import Kind, iso
from tuibackup.run.places import open_ledger
from tuibackup.sop import Clock

SERVERS = """
[servers.siakad]
host = "10.10.0.5"
label = "SIAKAD"
folders = ["/var/www/siakad"]
password_file = "/nowhere"
[servers.siakad.database]
prompt = true

[servers.files-only]
host = "10.10.0.6"
folders = ["/srv"]
prompt = true
"""


BOTH = frozenset(Clock)


def good(config: Config, server: str, clock: Clock, age: timedelta) -> None:
    started = iso(datetime.now(UTC) - age)
    clocks = {clock.value: {"outcome": "done", "snapshot": f"{server}/{clock}/x", "started": started}}
    with open_ledger(config) as ledger:
        ledger.append(Kind.RUN, {"outcome": "done", "clocks": clocks}, operator="andi", server=server)
