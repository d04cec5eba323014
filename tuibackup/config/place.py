"""Where config.toml lies, who may have written it, and where the state goes.

The file may name commands (`password_command`), so it is accepted only from root or the account itself.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tuibackup.errors import ConfigError
from tuibackup.text import printable
from tuibackup.words import joined, sentence

VARIABLE = "TUIBACKUP_CONFIG"
SYSTEM = Path("/etc/tuibackup/config.toml")
SYSTEM_STATE = Path("/var/lib/tuibackup")


Fault = tuple[int, str, str]  # line (0: the file as a whole), problem, way out


class MissingConfigError(ConfigError):
    """There is no configuration yet; a face may say how to begin."""


def example() -> Path:
    """The commented example: beside the package where it is installed, else at the top of the source tree."""
    package = Path(__file__).parent.parent
    packaged = package / "config.example.toml"
    return packaged if packaged.exists() else package.parent / "config.toml"


def places(explicit: Path | None = None) -> tuple[Path, ...]:
    """Where `find` looks for the file, in order."""
    if explicit is not None:
        return (explicit.expanduser(),)
    if value := os.environ.get(VARIABLE):
        return (Path(value).expanduser(),)
    import platformdirs  # late: where everything is named it is not needed

    return platformdirs.user_config_path("tuibackup") / "config.toml", SYSTEM


def find(explicit: Path | None = None) -> Path:
    """The configuration file in force: --config, $TUIBACKUP_CONFIG, the user's, then /etc's.

    A file that is named must be there; MissingConfigError says how to get one.
    """
    found = places(explicit)
    for path in found:
        if os.path.lexists(path):
            return path
    if len(found) == 1:
        origin = f"${VARIABLE}" if explicit is None else "--config"
        raise MissingConfigError(
            sentence("{shown}: no such configuration file ({origin})", shown=_shown(found[0]), origin=origin),
            sentence("`tuibackup add` makes one; to look around first: `tuibackup demo`"),
        )
    personal = _shown(found[0])
    raise MissingConfigError(
        sentence(
            "no configuration: neither {personal} nor {system} exists", personal=personal, system=SYSTEM
        ),
        sentence(
            "`tuibackup add` makes one (every key is in {shown}); to look around first: `tuibackup demo`",
            shown=_shown(example()),
        ),
    )


def default_state(source: Path) -> Path:
    """Where runs, the ledger and known host keys go: the account's state folder, or the system's for /etc."""
    if source.is_relative_to("/etc"):
        return SYSTEM_STATE
    import platformdirs

    return platformdirs.user_state_path("tuibackup")


def read_text(path: Path) -> str:
    """The file's text, once it is certain that nobody else may write it. Raises ConfigError."""
    text, faults = read(path)
    for line, problem, way_out in faults:
        place = f"{_shown(path)}:{line}" if line else _shown(path)
        raise ConfigError(joined(": ", (place, problem)), way_out)
    return text


def read(path: Path) -> tuple[str, list[Fault]]:
    """The file's text, and what is wrong with the file: with any of that the text is for looking at only.

    Raises ConfigError where there is nothing to look at.
    """
    name = _shown(path)
    try:
        # Judged and read through one descriptor, so that it is one file; O_NONBLOCK: a FIFO must not hang us.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(
            sentence("{name}: cannot be read: {error}", name=name, error=error.strerror), f"ls -l {name}"
        ) from error
    try:
        faults = list(_judge(os.fstat(descriptor), name))
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read()
    finally:
        os.close(descriptor)
    try:
        return content.decode("utf-8-sig"), faults
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise ConfigError(
                sentence("{name}: is UTF-16, not UTF-8 text", name=name), sentence("save the file as UTF-8")
            ) from None
        return content.decode("utf-8-sig", "replace"), [
            *faults,
            (line, sentence("not UTF-8 text"), sentence("save the file as UTF-8")),
        ]


def _judge(status: os.stat_result, name: str) -> Iterator[Fault]:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(sentence("{name}: is not a file", name=name))
    if status.st_uid not in (0, os.geteuid()):
        yield (
            0,
            sentence(
                "belongs to another account (uid {st_uid}), and it can name commands", st_uid=status.st_uid
            ),
            sentence("make it root's or your own: sudo chown root {name}", name=name),
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        who = "others" if status.st_mode & stat.S_IWOTH else sentence("its group")
        yield (
            0,
            sentence("{who} may write it, and it can name commands", who=who),
            sentence("chmod go-w {name}", name=name),
        )


def _shown(path: Path) -> str:
    return printable(os.fspath(path))
