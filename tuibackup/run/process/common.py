"""What a face and the runs that it starts both need: imported before the launcher is forked, it is imported once.

Twice, it was a seventh of the processor time of a run that finds nothing new. The launcher does not begin later for it:
it imports that much less.
"""
# ruff: noqa: F401 - to have them loaded is all that is wanted

import asyncio
import concurrent.futures.thread

import tuibackup.files.exclude
import tuibackup.ledger.store
import tuibackup.run.held
import tuibackup.run.locks
import tuibackup.run.plan
import tuibackup.run.process.afterwards
import tuibackup.run.process.message
import tuibackup.run.record
import tuibackup.run.unusual
import tuibackup.vault.incoming
