"""The host key of one hop: what is known, which kinds are asked for, and what becomes of the one that it shows."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncssh

from tuibackup.errors import HostKeyError, UnknownHostKeyError
from tuibackup.remote.connect import algorithms, hostkeys
from tuibackup.remote.connect.hopping import Hopping
from tuibackup.remote.connect.hostkeys import HostKey, Known
from tuibackup.remote.questions import Question
from tuibackup.remote.sshconfig.sshconfig import Settings
from tuibackup.text import printable
from tuibackup.words import sentence


class HopKey:
    """Of the hop `hop`, which errors name `where`."""

    def __init__(self, hopping: Hopping, hop: Settings, where: str) -> None:
        self._hopping = hopping
        self._hop = hop
        self._where = where
        self._known_as = hop.alias or hostkeys.known_hosts_name(hop.host, hop.port)
        self._usually_known_as = hop.alias or hostkeys.known_hosts_name(hop.host, hostkeys.SSH_PORT)

    def _known_hosts(self) -> list[Path]:
        """The files that may know this hop."""
        named, system = self._hop.known_hosts, self._hop.system_known_hosts
        return [
            self._hopping.known_hosts.path,
            *(hostkeys.user_known_hosts() if named is None else named),
            *(hostkeys.SYSTEM_KNOWN_HOSTS if system is None else system),
        ]

    async def look_up(self) -> tuple[Known, Known]:
        """What is known of this host, and what of the same host at the usual port."""
        entries = await asyncio.to_thread(hostkeys.load, self._known_hosts(), self._hopping.note)
        for line in self._hopping.known_hosts.unkept:
            entries.load(line)
        known = hostkeys.look_up(entries, self._known_as)
        elsewhere = hostkeys.look_up(entries, self._usually_known_as)
        # A key that was revoked for the host is revoked at each of its ports, and an authority counts at each.
        known = Known(
            known.keys, known.authorities + elsewhere.authorities, known.revoked + elsewhere.revoked
        )
        return known, Known() if known.keys else elsewhere

    def kinds(self, known: Known) -> Sequence[str]:
        """Every kind of plain key, those first that are known: a server that has one of them then shows that.

        asyncssh would take no other kind than the known ones, and a server that has none just hangs up. With its
        own choice for unknown hosts it would also take certificates of authorities that nobody knows.
        """
        certified = algorithms.default_certificates() if known.authorities else []
        familiar = [algorithm for key in known.keys for algorithm in key.sig_algorithms]
        # asyncssh's own order begins with RSA: not the key whose fingerprint people have at hand from OpenSSH.
        all_kinds = [*certified, *familiar, b"ssh-ed25519", *algorithms.default_host_keys()]
        names = [algorithm.decode() for algorithm in dict.fromkeys(all_kinds)]
        if not self._hop.host_key_algorithms:
            return names
        known_here = {algorithm.decode() for algorithm in (*algorithms.host_keys(), *certified)}
        wanted = algorithms.arranged(self._hop.host_key_algorithms, names)
        return [name for name in wanted if name in known_here] or names

    async def judge(
        self, offered: HostKey | None, known: Known, error: asyncssh.HostKeyNotVerifiable
    ) -> None:
        """Return when the operator accepts an unknown key (it is remembered); refuse everything else."""
        hopping, where = self._hopping, self._where
        if offered is None:  # asyncssh did not even ask: a revoked key, or a certificate that is not valid
            if "revoked" in error.reason:
                raise HostKeyError(
                    sentence("{where}: shows a host key that known_hosts has revoked", where=where),
                    sentence("somebody may be listening in"),
                ) from error
            said = printable(error.reason.partition(" for host ")[0])
            raise HostKeyError(
                sentence("{where}: its host key is not valid: {said}", where=where, said=said)
            ) from error
        if known.keys:
            old = ", ".join(
                f"{key.algorithm} {key.fingerprint}" for key in map(hostkeys.host_key, known.keys)
            )
            found = await asyncio.to_thread(
                lambda: list(hostkeys.places(self._known_hosts(), self._known_as))
            )
            lines = ", ".join(f"{printable(str(path))}:{number}" for path, number in found)
            forget = hostkeys.forget_command(found, self._known_as)
            raise HostKeyError(
                sentence(
                    "{where}: its host key has CHANGED: it shows {algorithm} {fingerprint}, known is {old} "
                    "({lines})",
                    where=where,
                    algorithm=offered.algorithm,
                    fingerprint=offered.fingerprint,
                    old=old,
                    lines=lines,
                ),
                sentence(
                    "somebody may be listening in; if it was changed on purpose: {forget} && tuibackup trust "
                    "{server}",
                    forget=printable(forget),
                    server=hopping.server.name,
                ),
            ) from error
        question = Question(
            "host-key",
            hopping.server.name,
            sentence("is this its host key? (yes/no)"),
            secret=False,
            detail=(
                sentence("{where} is not known yet. It shows the host key", where=where),
                f"{offered.algorithm} {offered.fingerprint}",
                sentence(
                    "compare on its console: {console_command}",
                    console_command=hostkeys.console_command(offered),
                ),
            ),
        )
        answer = None
        if hopping.known_hosts.told is not None:
            with hopping.patience.asking():
                answer = await hopping.answers.ask(question)
        if (answer or "").strip().lower() != "yes":
            raise UnknownHostKeyError(
                sentence(
                    "{where}: its host key is not known: {algorithm} {fingerprint}",
                    where=where,
                    algorithm=offered.algorithm,
                    fingerprint=offered.fingerprint,
                ),
                sentence("tuibackup trust {server}", server=hopping.server.name),
            ) from error
        fault = await asyncio.to_thread(hopping.known_hosts.accept, where, self._known_as, offered)
        if fault:
            hopping.note(
                sentence(
                    "{where}: its host key is accepted for this connection only: {fault}",
                    where=where,
                    fault=fault,
                )
            )
