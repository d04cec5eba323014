"""Seal: a signature over the head of the ledger, with the account's key or with an operator's own.

An operator's key stays with him: `ssh-keygen -Y sign` makes the signature. So a key with a passphrase, one in an agent
(name its public half) and one on a token work as they do with ssh.
"""

import shutil
import subprocess
from pathlib import Path

from tuibackup.config import Config
from tuibackup.errors import LedgerError, NeedsOperatorError, UsageError
from tuibackup.ledger.seal import NAMESPACE, Seal
from tuibackup.run import seal as sealing
from tuibackup.run.operator import Operator
from tuibackup.run.places import open_ledger
from tuibackup.text import printable
from tuibackup.words import sentence

_SIGNER = "ssh-keygen"


def seal(config: Config, operator: Operator, key: Path | None = None) -> Seal:
    """Seal the head, with `key` or the account's, and record it. May ask for a passphrase at the terminal.

    Raises UsageError: no such key; NeedsOperatorError, LedgerError: nothing is sealed then.
    """
    with open_ledger(config) as ledger:
        if key is None:
            return sealing.seal(config, ledger, operator)
        text = sealing.statement(ledger, operator.name)
        made = Seal(text, _signed(text, key.expanduser()))
        return sealing.record(config, ledger, operator, made)


def _signed(text: str, key: Path) -> str:
    """The signature that ssh-keygen makes."""
    if not key.is_file():
        raise UsageError(
            sentence("there is no key {path}", path=printable(str(key))),
            sentence("name a private SSH key, or the public half of one that an agent holds"),
        )
    program = shutil.which(_SIGNER)
    if program is None:
        raise LedgerError(
            sentence("{program} is not on this machine", program=_SIGNER),
            sentence("install it: apt install openssh-client"),
        )
    words = [program, "-Y", "sign", "-n", NAMESPACE, "-f", str(key)]
    done = subprocess.run(words, input=text, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = [line for line in map(str.strip, done.stderr.splitlines()) if line]
        raise NeedsOperatorError(
            sentence(
                "nothing was signed with {key}: {said}",
                key=printable(str(key)),
                said=printable(said[-1] if said else str(done.returncode)),
            ),
            sentence("try it in a terminal: {command}", command=f"ssh-keygen -y -f {printable(str(key))}"),
        )
    return done.stdout
