"""Seals the head of the ledger with the account's key: at the end of each run, and whenever somebody asks."""

import socket
from datetime import UTC, datetime

from tuibackup.config import Config
from tuibackup.errors import LedgerError
from tuibackup.ledger import seal as seals
from tuibackup.ledger.entries import Kind, iso
from tuibackup.ledger.seal import Seal
from tuibackup.ledger.store import Ledger
from tuibackup.run.operator import Operator
from tuibackup.run.places import seals_folder
from tuibackup.run.record import operator_body
from tuibackup.words import sentence


def seal(config: Config, ledger: Ledger, operator: Operator) -> Seal:
    """Sign the head with the account's key, and record it. Blocking. Raises LedgerError: nothing is sealed then."""
    key = seals.account_key(seals_folder(config), config.ledger_key)
    text = statement(ledger, f"{operator.account}@{socket.gethostname()}")
    return record(config, ledger, operator, seals.signed(text, key))


def statement(ledger: Ledger, by: str) -> str:
    """What is to be signed: the head as it is now. Raises LedgerError: there is none."""
    head = ledger.head()
    if not head.seq:
        raise LedgerError(sentence("there is nothing to seal: the ledger has no entry"))
    return seals.statement(head, iso(datetime.now(UTC)), by)


def record(config: Config, ledger: Ledger, operator: Operator, made: Seal) -> Seal:
    """Put a seal into the ledger and beside it, where copies and `ssh-keygen` find it. Raises LedgerError."""
    made.verify()
    body = {**made.body(), "operator": operator_body(operator)}
    ledger.append(Kind.SEAL, body, operator=operator.name)
    try:
        seals.write(seals_folder(config), made)
    except OSError as error:
        raise LedgerError(
            sentence("the seal cannot be kept beside the ledger: {error}", error=error.strerror)
        ) from error
    return made
