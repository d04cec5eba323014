"""The keys we show a server: the configured one first, then those of ~/.ssh/config or the usual places.

A key that needs its passphrase is asked for only when the agent does not hold it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from tuibackup.errors import LoginError, NeedsOperatorError
from tuibackup.remote.questions import Answers, Question

_DEFAULTS = ("id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk")
_TRIES = 3


@dataclass(slots=True)
class Identities:
    """What there is to show: loaded keys, and default keys that stay locked unless nothing else lets us in."""

    pairs: list[asyncssh.SSHKeyPair] = field(default_factory=list)
    locked: list[Path] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


async def load(
    key: Path | None, listed: Sequence[str], server: str, answers: Answers, *, also: Path | None = None
) -> Identities:
    """The keys for `server`: `key` of our configuration, else `listed` (IdentityFile), else the default ones.

    `also` comes last, and stays locked until nothing else lets us in.
    Raises LoginError for a configured key that cannot be used, NeedsOperatorError where nobody unlocks it.
    """
    found = Identities()
    agent = await _agent_keys()
    if agent:
        found.names.append("agent")
    if key is not None:
        await _load(found, key, server, answers, agent, ask=True)
        return found
    for path in _existing(listed or [f"~/.ssh/{name}" for name in _DEFAULTS]):
        await _load(found, path, server, answers, agent, ask=bool(listed))
    if also is not None:
        await _load(found, also, server, answers, agent, ask=False)
    return found


def _existing(names: Sequence[str]) -> list[Path]:
    return [path for name in names if (path := Path(name).expanduser()).exists()]


async def unlock(found: Identities, server: str, answers: Answers) -> bool:
    """Ask for the passphrases of the default keys that were left locked; whether one more key is there."""
    locked, found.locked = found.locked, []
    before = len(found.pairs)
    for path in locked:
        try:
            await _unlock(found, path, server, answers)
        except NeedsOperatorError:
            break
    return len(found.pairs) > before


async def _load(
    found: Identities, path: Path, server: str, answers: Answers, agent: set[bytes], *, ask: bool
) -> None:
    found.names.append(str(path))
    try:
        found.pairs += asyncssh.load_keypairs(str(path))
    except asyncssh.KeyEncryptionError as error:
        raise LoginError(f"key {path}: {error}") from error
    except asyncssh.KeyImportError as error:
        if "passphrase" not in str(error).lower():
            raise LoginError(f"key {path} cannot be used: {error}") from error
        if _public(path) in agent:
            return
        if ask:
            await _unlock(found, path, server, answers)
        else:
            found.locked.append(path)
    except OSError as error:
        raise LoginError(f"key {path} cannot be read: {error.strerror}") from error


async def _unlock(found: Identities, path: Path, server: str, answers: Answers) -> None:
    question = Question("passphrase", server, f"passphrase of {path}:")
    for attempt in range(_TRIES):
        phrase = await answers.ask(question)
        if phrase is None:
            break
        try:
            found.pairs += asyncssh.load_keypairs(str(path), phrase)
        except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError):
            question = Question(
                "passphrase", server, question.text, detail=(f"that was not it ({attempt + 1} of {_TRIES})",)
            )
        else:
            return
    raise NeedsOperatorError(
        f"needs an operator: passphrase of {path}",
        "unlock the key in an agent, or start the run from the cockpit",
    )


async def _agent_keys() -> set[bytes]:
    """The public keys that the agent holds; none where there is no agent."""
    path = os.environ.get("SSH_AUTH_SOCK")
    if not path:
        return set()
    try:
        async with asyncssh.connect_agent(path) as agent:
            return {key.public_data for key in await agent.get_keys()}
    except (OSError, ValueError, asyncssh.Error):
        return set()


def _public(path: Path) -> bytes:
    """The public half of a locked private key, from the file beside it; b"" where there is none."""
    try:
        return asyncssh.read_public_key(f"{path}.pub").public_data
    except (OSError, asyncssh.KeyImportError):
        return b""
