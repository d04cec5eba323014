"""One table of config.toml while it is read: typed access, and errors that name file, line and key."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from tuibackup.config.lines import line_of
from tuibackup.errors import ConfigError
from tuibackup.text import printable

# Every key there is, by table; "servers.*" stands for a server of any name.
KEYS: Mapping[str, tuple[str, ...]] = {
    "": (
        "language", "theme", "symbols", "mouse", "state", "operators",
        "vault", "sop", "run", "drill", "ledger", "keymap", "servers",
    ),
    "vault": ("path", "min_free", "full_every"),
    "sop": ("files_within", "databases_within", "connect_within", "login_within"),
    "run": ("parallel", "bandwidth"),
    "drill": ("folder", "socket", "user", "password_file", "password_command"),
    "ledger": ("url",),
    "servers.*": (
        "label", "host", "port", "user", "jump", "key", "password_file", "password_command", "prompt",
        "sudo", "folders", "exclude", "database",
    ),
    "servers.*.database": (
        "user", "password_file", "password_command", "prompt", "option_file", "socket", "host", "port",
        "exclude", "checksum",
    ),
}  # fmt: skip
_TOP = KEYS[""][:6]
_PLAIN_SECRETS = ("password", "passwd", "passphrase", "secret")

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """The file being read: its name for messages and its text for line numbers."""

    path: Path
    text: str

    def fail(self, path: tuple[str, ...], problem: str, way_out: str = "") -> NoReturn:
        """Raise ConfigError "FILE:LINE: KEY: problem; way out"."""
        line = line_of(self.text, path)
        place = f"{self.path}:{line}" if line else f"{self.path}"
        key = ".".join(path)
        raise ConfigError(printable(f"{place}: {key}: {problem}"), way_out)


class Table:
    """A table with the keys of `schema` (an entry of KEYS; None: any key). Others are refused at once."""

    def __init__(
        self, source: Source, values: Mapping[str, Any], path: tuple[str, ...], schema: str | None
    ) -> None:
        self._source = source
        self._values = values
        self._path = path
        if schema is not None:
            for key in values:
                if key not in KEYS[schema]:
                    self._unknown(key, schema)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def fail(self, key: str | None, problem: str, way_out: str = "") -> NoReturn:
        """Raise ConfigError about a key of this table (None: about the table itself)."""
        self._source.fail(self._path if key is None else (*self._path, key), problem, way_out)

    def _unknown(self, key: str, schema: str) -> NoReturn:
        known = KEYS[schema]
        if key.lower() in _PLAIN_SECRETS and "password_file" in known:
            self.fail(
                key,
                "a password does not belong into this file",
                "use password_file, password_command or prompt = true",
            )
        from difflib import get_close_matches  # late, as it is seldom needed

        if near := get_close_matches(key.lower(), known, 1):
            self.fail(key, "unknown key", f"did you mean {near[0]}?")
        if key in _TOP:
            self.fail(
                key, "unknown key here", f"{key} belongs at the top of the file, before the first [table]"
            )
        for table, keys in KEYS.items():
            if key in keys and table and "*" not in table:
                self.fail(key, "unknown key here", f"it belongs into [{table}]")
        self.fail(key, "unknown key", "known here: " + ", ".join(known))

    def table(self, key: str, schema: str | None) -> "Table":
        """The table `key`; an empty one where it is missing."""
        values = self._values.get(key, {})
        if not isinstance(values, dict):
            table = ".".join((*self._path, key))
            self.fail(key, "must be a table", f"write it as [{table}]" if schema else "")
        return Table(self._source, values, (*self._path, key), schema)

    def text(self, key: str, *, empty: bool = False) -> str | None:
        """A text without control characters, not empty unless `empty`; None where it is missing."""
        if key not in self._values:
            return None
        if empty and self._values[key] == "":
            return ""
        return self._clean(key, self._values[key])

    def _clean(self, key: str, value: Any) -> str:
        if not isinstance(value, str):
            self.fail(key, "must be text in quotes")
        if not value.strip():
            self.fail(key, "must not be empty", "leave the key out to use the default")
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            self.fail(key, "must not contain line breaks or other control characters")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, each as for `text`, none twice; empty where it is missing."""
        value = self._values.get(key, [])
        if not isinstance(value, list):
            self.fail(key, 'must be a list of texts: ["…", "…"]')
        texts = tuple(self._clean(key, item) for item in value)
        for position, item in enumerate(texts):
            if item in texts[:position]:
                self.fail(key, f'"{item}" is there twice')
        return texts

    def flag(self, key: str, *, default: bool = False) -> bool:
        """True or false; `default` where it is missing."""
        value = self._values.get(key, default)
        if not isinstance(value, bool):
            self.fail(key, "must be true or false, without quotes")
        return value

    def number(self, key: str, least: int, most: int) -> int | None:
        """A whole number in a range; None where it is missing."""
        if key not in self._values:
            return None
        value = self._values[key]
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.fail(key, f"must be a whole number from {least} to {most}, without quotes")
        return value

    def choice(self, key: str, *choices: str) -> str | None:
        """One of a few words; None where it is missing."""
        value = self.text(key)
        if value is not None and value not in choices:
            self.fail(key, f'"{value}" is none of ' + ", ".join(f'"{choice}"' for choice in choices))
        return value

    def parsed(self, key: str, parse: Callable[[str], T], default: T) -> T:
        """A text read by `parse`, whose ValueError tells how to write it."""
        value = self.text(key)
        return default if value is None else self.checked(key, value, parse)

    def checked(self, key: str, value: str, parse: Callable[[str], T]) -> T:
        """`value` of `key` through `parse`, whose ValueError becomes a ConfigError."""
        try:
            return parse(value)
        except ValueError as error:
            self.fail(key, str(error))

    def path(self, key: str) -> Path | None:
        """A path on this machine, absolute after `~` is expanded; None where it is missing."""
        value = self.text(key)
        if value is None:
            return None
        try:
            path = Path(value).expanduser()
        except RuntimeError:
            self.fail(key, f'"{value}": no such account or no home folder')
        if not path.is_absolute():
            self.fail(key, f'"{value}" is relative', 'begin it with "/" or "~/"')
        return path
