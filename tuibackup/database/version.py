"""What a server's version says: whose server it is, and of which series."""

import re

_NUMBERS = re.compile(r"(\d+)\.(\d+)")
_FOR_OLD_CLIENTS = "5.5.5-"  # MariaDB writes it before its own version while a client logs in


def vendor(version: str) -> str:
    """ "MariaDB" or "MySQL", from a version as a server or a dump writes it. MariaDB always names itself."""
    return "MariaDB" if "mariadb" in version.lower() else "MySQL"


def series(version: str) -> tuple[int, int]:
    """(10, 11) of "10.11.6-MariaDB"; (0, 0) if it has no numbers."""
    found = _NUMBERS.search(version.removeprefix(_FOR_OLD_CLIENTS))
    return (int(found[1]), int(found[2])) if found else (0, 0)
