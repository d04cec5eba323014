"""Processes of restores, verifies and drills."""

import os
import time
from pathlib import Path

from tests.acceptance.site import Site
from tuibackup.jobs.process.child import NAME


def process_of(site: Site, job: str) -> int:
    """The process that holds the journal of `job` open, once it is there."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "comm").read_text().strip() != NAME:
                    continue
                if any(os.readlink(file).endswith(f"{job}.jsonl") for file in (process / "fd").iterdir()):
                    return int(process.name)
            except OSError:  # it ended meanwhile
                continue
        if any(path.stem == job and "job-finished" in path.read_text() for path in site.jobs):
            raise AssertionError(f"{job} has ended already")
        time.sleep(0.01)
    raise AssertionError(f"no process works on {job}; jobs: {[path.name for path in site.jobs]}")
