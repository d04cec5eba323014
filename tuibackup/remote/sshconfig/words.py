"""The words of an SSH configuration: which options there are, and what stands for what in their values."""

import getpass
import hashlib
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tuibackup.errors import ConnectError
from tuibackup.text import printable
from tuibackup.words import sentence

Said = Mapping[str, tuple[str, ...]]  # option in lower case → its values, as they are written

# May be given several times; each adds to the others.
REPEATED = frozenset(
    (
        "identityfile",
        "certificatefile",
        "sendenv",
        "setenv",
        "localforward",
        "remoteforward",
        "dynamicforward",
    )
)
# The rest of the line is one value, with its quotes and whatever looks like a comment.
WHOLE_LINE = frozenset(("proxycommand", "localcommand", "remotecommand"))
# Take several words.
LISTS = frozenset((
    "userknownhostsfile", "globalknownhostsfile", "canonicaldomains", "canonicalizepermittedcnames", "sendenv",
    "setenv", "ipqos", "rekeylimit", "localforward", "remoteforward", "dynamicforward", "permitremoteopen",
    "channeltimeout", "knownhostscommand", "revokedhostkeys", "versionaddendum",
))  # fmt: skip
# Every option up to OpenSSH 10.0, with those of Debian and macOS. Others are of a newer ssh, or mistyped.
KNOWN = LISTS | REPEATED | WHOLE_LINE | frozenset((
    "addkeystoagent", "addressfamily", "afstokenpassing", "batchmode", "bindaddress", "bindinterface",
    "canonicalizefallbacklocal", "canonicalizehostname", "canonicalizemaxdots", "casignaturealgorithms",
    "challengeresponseauthentication", "checkhostip", "cipher", "ciphers", "clearallforwardings", "compression",
    "compressionlevel", "connectionattempts", "connecttimeout", "controlmaster", "controlpath",
    "controlpersist", "debianbanner", "dsaauthentication", "enableescapecommandline", "enablesshkeysign",
    "escapechar", "exitonforwardfailure", "fallbacktorsh", "fingerprinthash", "forkafterauthentication",
    "forwardagent", "forwardx11", "forwardx11timeout", "forwardx11trusted", "gatewayports",
    "globalknownhostsfile2", "gssapiauthentication", "gssapiclientidentity", "gssapidelegatecredentials",
    "gssapikexalgorithms", "gssapikeyexchange", "gssapirenewalforcesrekey", "gssapiserveridentity",
    "gssapitrustdns", "hashknownhosts", "hostbasedacceptedalgorithms", "hostbasedauthentication",
    "hostbasedkeytypes", "hostkeyalgorithms", "hostkeyalias", "hostname", "identitiesonly", "identityagent",
    "kbdinteractiveauthentication", "kbdinteractivedevices", "keepalive", "keychainintegration",
    "kexalgorithms", "logfacility", "loglevel", "logverbose", "macs", "nohostauthenticationforlocalhost",
    "numberofpasswordprompts", "obscurekeystroketiming", "passwordauthentication", "permitlocalcommand",
    "pkcs11provider", "port", "preferredauthentications", "protocol", "proxyjump", "proxyusefdpass",
    "pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes", "pubkeyauthentication", "refuseconnection",
    "requesttty", "requiredrsasize", "rhostsauthentication", "rhostsrsaauthentication", "rsaauthentication",
    "securitykeyprovider", "serveralivecountmax", "serveraliveinterval", "sessiontype", "skeyauthentication",
    "smartcarddevice", "stdinnull", "streamlocalbindmask", "streamlocalbindunlink", "stricthostkeychecking",
    "syslogfacility", "tag", "tcpkeepalive", "tisauthentication", "tunnel", "tunneldevice", "updatehostkeys",
    "usebugprompt", "usekeychain", "useprivilegedport", "user", "userknownhostsfile2", "useroaming", "usersh",
    "verifyhostkeydns", "visualhostkey", "warnweakcrypto", "xauthlocation",
))  # fmt: skip


def printed(path: Path) -> str:
    """A configuration file as messages name it."""
    text = str(path)
    home = str(Path.home())
    return printable("~" + text.removeprefix(home) if text.startswith(f"{home}/") else text)


class Tokens(msgspec.Struct, frozen=True):
    """What %h and the like stand for (ssh_config(5), TOKENS). `original`: the host as it was named."""

    host: str = ""
    original: str = ""
    port: str = "22"
    user: str = ""
    alias: str = ""
    jump: str = ""

    def expand(self, text: str, option: str) -> str:
        """`text` with its tokens replaced. Raises ConnectError for one that does not exist."""

        def replace(match: re.Match[str]) -> str:
            value = self._value(match[1])
            if value is None:
                raise ConnectError(
                    sentence(
                        "~/.ssh/config for {original}: {option}: %{match} stands for nothing",
                        original=printable(self.original or self.host),
                        option=option,
                        match=printable(match[1]),
                    )
                )
            return value

        return re.sub(r"%(.?)", replace, text, flags=re.DOTALL)

    def path(self, text: str, option: str) -> Path:
        """The file that `text` names: tokens, ${VARIABLE} and ~ replaced. Raises ConnectError."""
        return Path(os.path.expanduser(self.environment(self.expand(text, option), option)))

    def environment(self, text: str, option: str = "Include") -> str:
        """`text` with each ${VARIABLE} replaced. Raises ConnectError for one that is not set."""

        def replace(match: re.Match[str]) -> str:
            value = os.environ.get(match[1])
            if value is None:
                raise ConnectError(
                    sentence(
                        "~/.ssh/config for {original}: {option}: the variable {match} is not set",
                        original=printable(self.original or self.host),
                        option=option,
                        match=printable(match[1]),
                    )
                )
            return value

        return re.sub(r"\$\{([^}]*)\}", replace, text)

    def _value(self, letter: str) -> str | None:
        here = socket.gethostname()
        match letter:
            case "%":
                return "%"
            case "h":
                return self.host
            case "n":
                return self.original or self.host
            case "p":
                return self.port
            case "r":
                return self.user
            case "k":
                return self.alias or self.host
            case "j":
                return self.jump
            case "d":
                return os.path.expanduser("~")
            case "u":
                return getpass.getuser()
            case "i":
                return str(os.getuid())
            case "l":
                return here
            case "L":
                return here.partition(".")[0]
            case "C":
                about = f"{here}{self.host}{self.port}{self.user}{self.jump}"
                return hashlib.sha1(
                    about.encode("utf-8", "surrogateescape"), usedforsecurity=False
                ).hexdigest()
        return None
