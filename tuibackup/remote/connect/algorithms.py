"""What asyncssh knows to choose from. The one place that asks its inner modules: it exports none of these lists.

A list of ssh_config(5) names algorithms that asyncssh may not know, and for one of those it refuses the whole list.
"""

import re
from collections.abc import Sequence

from asyncssh.kex import get_default_kex_algs as default_key_exchanges
from asyncssh.kex import get_kex_algs as key_exchanges
from asyncssh.mac import get_default_mac_algs as default_macs
from asyncssh.mac import get_mac_algs as macs
from asyncssh.public_key import get_default_certificate_algs as default_certificates
from asyncssh.public_key import get_default_public_key_algs as default_host_keys
from asyncssh.public_key import get_public_key_algs as host_keys

__all__ = [
    "arranged",
    "default_certificates",
    "default_host_keys",
    "default_key_exchanges",
    "default_macs",
    "host_keys",
    "key_exchanges",
    "macs",
]


def arranged(spec: str, usual: Sequence[str]) -> list[str]:
    """The algorithms that a list of ssh_config(5) names: all of them, or `usual` with some added, removed or first."""
    sign, names = (spec[0], spec[1:].split(",")) if spec[:1] in ("+", "-", "^") else ("", spec.split(","))
    if sign == "-":
        return [one for one in usual if not any(_fits(one, name) for name in names)]
    before = names if sign != "+" else []
    rest = usual if sign else []
    after = names if sign == "+" else []
    return list(dict.fromkeys([*before, *rest, *after]))


def _fits(name: str, pattern: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), name) is not None
