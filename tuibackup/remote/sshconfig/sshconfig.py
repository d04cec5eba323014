"""What the SSH configuration says of a host: ssh is asked where there is one, else we read the files ourselves."""

import asyncio
import getpass
import os
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import asyncssh
import msgspec

from tuibackup.errors import ConnectError
from tuibackup.remote.connect import algorithms
from tuibackup.remote.sshconfig import program, reader
from tuibackup.remote.sshconfig.program import RefusedError
from tuibackup.remote.sshconfig.words import Said, Tokens
from tuibackup.text import printable
from tuibackup.words import sentence

_Ask = Callable[..., str]

_DEEPEST = 8  # jump hosts in a row; more is a loop
# What a shell would take for more than a name: host and account may become part of a command, as %h and %r.
_SHELL = re.compile(r"""[\s'"`$;&<>|(){}]|\\$""")
_DEFAULT_KEY = re.compile(r"~/\.ssh/id_[a-z0-9_]+")  # ssh lists its own choice where nothing is configured

# Options that somebody may rely on and that do nothing here
IGNORED = (
    "StrictHostKeyChecking", "RevokedHostKeys", "KnownHostsCommand", "ControlMaster", "ControlPath",
    "ControlPersist", "VerifyHostKeyDNS", "CheckHostIP", "BindInterface", "PermitLocalCommand", "LocalCommand",
    "Ciphers", "PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes", "CASignatureAlgorithms", "Compression",
    "RekeyLimit", "PKCS11Provider", "SecurityKeyProvider", "AddKeysToAgent", "HostbasedAuthentication",
    "ProxyUseFdpass", "NoHostAuthenticationForLocalhost", "RequiredRSASize",
)  # fmt: skip


class Hop(msgspec.Struct, frozen=True):
    """One machine on the way, as it was named; None: the SSH configuration or the default decides."""

    host: str
    port: int | None = None
    user: str | None = None

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        return f"{user}{self.host}" + (f":{self.port}" if self.port else "")


class Settings(msgspec.Struct, frozen=True):
    """How to reach one hop. Texts are as they are used, their tokens replaced."""

    hop: Hop
    host: str
    port: int
    user: str
    jump: str = ""  # of the configuration: hops with commas between
    proxy_command: str = ""
    family: int = 0  # AddressFamily, as the socket module has it
    local_address: tuple[str, int] | None = None  # BindAddress
    alias: str = ""  # what known_hosts calls it
    keys: tuple[Path, ...] = ()  # none: the usual ones
    certificates: tuple[Path, ...] = ()
    agent: str = ""  # its socket
    only: bool = False  # nothing of the agent's but `keys`
    known_hosts: tuple[Path, ...] | None = None  # the user's; None: the usual ones
    system_known_hosts: tuple[Path, ...] | None = None
    host_key_algorithms: str = ""
    seconds: float = 0.0  # that ConnectTimeout gives an attempt
    further: Mapping[str, object] = msgspec.field(default_factory=dict)  # asyncssh's options for the rest
    notes: tuple[str, ...] = ()  # what is worth telling


async def settings(hop: Hop) -> Settings:
    """What the configuration says of `hop`; no key is read and no agent asked. Raises ConnectError."""
    if _SHELL.search(hop.host):
        raise ConnectError(sentence("{host}: is no name of a host", host=printable(hop.host)))
    files = program.files()
    if not files:
        return _settled(hop, {}, {}, [])
    notes: list[str] = []
    try:
        answer = await program.ask(hop.host, hop.port, hop.user)
    except RefusedError as error:
        notes.append(
            sentence(
                "ssh -G {host} says: {error}; ~/.ssh/config is read without it",
                host=printable(hop.host),
                error=error,
            )
        )
        answer = None
    if answer is not None:
        return _settled(hop, answer.said, answer.default, notes)
    said = await asyncio.to_thread(reader.read, files, hop.host, hop.port, hop.user, notes.append)
    return _settled(hop, said, {}, notes)


def options(found: Settings, **further: object) -> asyncssh.SSHClientConnectionOptions:
    """asyncssh's options for a hop; it reads no configuration itself. Raises ConnectError."""
    try:
        return asyncssh.SSHClientConnectionOptions(
            config=[],
            host=found.host,
            port=found.port,
            username=found.user,
            host_key_alias=found.alias or None,
            proxy_command=None,
            **{**found.further, **further},
        )
    except (asyncssh.Error, OSError, ValueError) as error:
        raise ConnectError(f"{printable(found.hop.host)}: {printable(str(error))}") from error


def jumps(text: str) -> list[Hop]:
    """The hops of a ProxyJump value, `[user@]host[:port]` with commas between (ssh_config(5))."""
    found = []
    for part in text.split(","):
        match = re.fullmatch(
            r"\s*(?:ssh://)?(?:([^\s,]+)@)?(\[[^]]+\]|[^-:@\s][^:@\s]*)(?::(\d+))?/?\s*", part
        )
        if match is None:
            raise ConnectError(
                sentence('jump host "{part}" is not [user@]host[:port]', part=printable(part.strip()))
            )
        user, host, port = match.groups()
        found.append(Hop(host.strip("[]"), int(port) if port else None, user))
    return found


async def route(target: Hop, jump: str | None) -> list[Settings]:
    """All hops to `target`, which is the last: through `jump`, or through ProxyJump of the configuration.

    As with ssh, the first jump host may itself be reached through a jump host that the configuration names.
    """
    way = [await settings(target)]
    via = jump
    while len(way) <= _DEEPEST:
        through = via or way[0].jump
        via = None
        if through.lower() in ("", "none"):
            return way
        way = [*[await settings(hop) for hop in jumps(through)], *way]
    raise ConnectError(
        sentence(
            "{host}: more than {deepest} jump hosts; does ProxyJump go round in a circle?",
            host=target.host,
            deepest=_DEEPEST,
        )
    )


def _settled(hop: Hop, said: Said, default: Said, notes: Sequence[str]) -> Settings:
    """`said` as values. `default`: what ssh says where nothing is configured, {} where only that is in `said`."""

    def one(name: str, otherwise: str = "") -> str:
        value = said.get(name, (otherwise,))[0]
        return otherwise if value.lower() == "none" else value

    def configured(name: str) -> str:
        return one(name) if said.get(name) != default.get(name) else ""

    port = one("port", str(hop.port or 22))
    user = one("user") or hop.user or getpass.getuser()
    original = hop.host
    host = one("hostname", original)
    host = host if "%" in host else host.lower()  # behind a % stands the name of an interface
    alias = one("hostkeyalias").lower()
    jump = one("proxyjump")
    tokens = Tokens(host, original, port, user, alias, jump)
    command = "" if jump else one("proxycommand")
    if "%r" in command and _SHELL.search(user):
        raise ConnectError(
            sentence(
                "{original}: the account {user} cannot be part of a ProxyCommand",
                original=printable(original),
                user=printable(user),
            ),
            sentence("take %r out of it in ~/.ssh/config"),
        )
    keys = [key for key in said.get("identityfile", ()) if key.lower() != "none"]
    if all(_DEFAULT_KEY.fullmatch(key) for key in keys) and said.get("identityfile") == default.get(
        "identityfile"
    ):
        keys = []
    told = [
        sentence(
            "~/.ssh/config: {name} has no effect here ({original})", name=name, original=printable(original)
        )
        for name in IGNORED
        if name.lower() in said and said[name.lower()] != default.get(name.lower())
    ]
    further, unknown = _further(one, configured)
    told += [
        sentence(
            "~/.ssh/config: {name} names nothing that is known here; it is ignored ({original})",
            name=name,
            original=printable(original),
        )
        for name in unknown
    ]
    return Settings(
        hop=hop,
        host=host,
        port=int(port),
        user=user,
        jump=jump,
        proxy_command=tokens.expand(command, "ProxyCommand"),
        family={"inet": socket.AF_INET, "inet6": socket.AF_INET6}.get(one("addressfamily").lower(), 0),
        local_address=(one("bindaddress"), 0) if one("bindaddress") else None,
        alias=alias,
        keys=tuple(tokens.path(key, "IdentityFile") for key in keys),
        certificates=tuple(
            tokens.path(name, "CertificateFile")
            for name in said.get("certificatefile", ())
            if name.lower() != "none"
        ),
        agent=_agent(said.get("identityagent", ("SSH_AUTH_SOCK",))[0], tokens),
        only=one("identitiesonly").lower() in ("yes", "true"),
        known_hosts=_known_hosts(said, default, "userknownhostsfile", tokens),
        system_known_hosts=_known_hosts(said, default, "globalknownhostsfile", tokens),
        host_key_algorithms=configured("hostkeyalgorithms"),
        seconds=_seconds(one("connecttimeout")),
        further=further,
        notes=(*notes, *told),
    )


def _further(one: _Ask, configured: _Ask) -> tuple[dict[str, object], list[str]]:
    """asyncssh's options for what it does by itself, and the options in which nothing is known to it."""
    found: dict[str, object] = {}
    unknown = []
    for name, option in (
        ("passwordauthentication", "password_auth"),
        ("kbdinteractiveauthentication", "kbdint_auth"),
        ("challengeresponseauthentication", "kbdint_auth"),
        ("pubkeyauthentication", "public_key_auth"),
    ):
        if one(name).lower() in ("no", "false"):
            found[option] = False
    if preferred := one("preferredauthentications"):
        found["preferred_auth"] = preferred.split(",")
    for name, option, known, usual in (
        ("KexAlgorithms", "kex_algs", algorithms.key_exchanges(), algorithms.default_key_exchanges()),
        ("MACs", "mac_algs", algorithms.macs(), algorithms.default_macs()),
    ):
        if spec := configured(name.lower()):
            wanted = algorithms.arranged(spec, [algorithm.decode() for algorithm in usual])
            found[option] = [algorithm for algorithm in wanted if algorithm.encode() in known]
            if not found[option]:
                del found[option]
                unknown.append(name)
    return found, unknown


def _agent(named: str, tokens: Tokens) -> str:
    """The path of the agent's socket, "" for none."""
    if named.lower() == "none":
        return ""
    if named == "SSH_AUTH_SOCK":
        return os.environ.get("SSH_AUTH_SOCK", "")
    if named.startswith("$") and not named.startswith("${"):
        return os.environ.get(named[1:], "")
    if match := re.fullmatch(r"\$\{([^}]*)\}", named):
        return os.environ.get(match[1], "")
    return str(tokens.path(named, "IdentityAgent"))


def _known_hosts(said: Said, default: Said, name: str, tokens: Tokens) -> tuple[Path, ...] | None:
    if name not in said or said[name] == default.get(name):
        return None
    value = said[name][0]
    whole = tokens.path(value, name)
    words = [value] if whole.exists() else value.split()  # a name with spaces is not quoted
    return tuple(tokens.path(word, name) for word in words if word.lower() != "none")


def _seconds(text: str) -> float:
    """A time as ssh writes it: 90, 2m, 1h30m. Raises ConnectError."""
    if not re.fullmatch(r"(\d+[smhdw]?)*", text, re.IGNORECASE):
        raise ConnectError(sentence("~/.ssh/config: ConnectTimeout {text} is no time", text=printable(text)))
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
    return sum(
        float(number) * units[unit.lower()]
        for number, unit in re.findall(r"(\d+)([smhdw]?)", text, re.IGNORECASE)
    )
