"""One table of config.toml while it is read: typed access, and errors that name file, line and key."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tuibackup.config.lines import line_of
from tuibackup.errors import ConfigError
from tuibackup.text import printable
from tuibackup.words import joined, sentence

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Every key there is, by table; "servers.*" stands for a server of any name.
KEYS: Mapping[str, tuple[str, ...]] = {
    "": (
        "language", "theme", "symbols", "mouse", "state", "operators",
        "vault", "sop", "run", "verify", "restore", "drill", "discover", "recover", "retention", "copies", "notify",
        "ledger", "report", "keymap", "servers",
    ),
    "vault": ("path", "min_free", "full_every"),
    "sop": ("files_within", "databases_within", "connect_within", "login_within"),
    "run": ("parallel", "bandwidth"),
    "verify": ("within", "after_run"),
    "restore": ("approval",),
    "discover": ("every",),
    "recover": ("facts",),
    "drill": ("within", "folder", "socket", "user", "password_file", "password_command"),
    "retention": ("files", "databases", "require_copies"),
    "copies.*": (
        "to", "endpoint", "region", "path_style", "credentials_file", "jump", "key", "encrypt_to", "servers",
        "after_run", "keep", "off_site", "lock",
    ),
    "notify": (
        "on", "summary", "mail", "post", "post_file", "apprise_file", "heartbeat_file", "metrics",
    ),
    "notify.mail": ("to", "from", "server", "user", "password_file", "tls", "ca_file"),
    "ledger": ("url", "key"),
    "report": (
        "letterhead", "unit", "place", "sop_number", "sop_dates", "approved_by", "legal_basis", "signers",
        "restore_signers", "paper",
    ),
    "report.sop_dates": ("made", "revised", "effective"),
    "report.approved_by": ("name", "position", "nip"),
    "report.signers": ("role", "name", "position", "nip"),
    "servers.*": (
        "label", "host", "port", "user", "jump", "key", "password_file", "password_command", "prompt",
        "sudo", "folders", "exclude", "database", "retention",
    ),
    "servers.*.retention": ("files", "databases", "require_copies"),
    "servers.*.database": (
        "user", "password_file", "password_command", "prompt", "option_file", "socket", "host", "port",
        "exclude", "checksum", "dry_load", "wait_for_tables",
    ),
}  # fmt: skip
_TOP = KEYS[""][:6]
_MOST = 50  # problems that are told one by one
_PLAIN_SECRETS = ("password", "passwd", "passphrase", "secret")

T = TypeVar("T")


class Source(msgspec.Struct, frozen=True):
    """The file being read: its name for messages, its text for line numbers, and what is wrong with it so far.

    `left_out` are keys of lines that could not be read: that is told, and they do not count as missing.
    """

    path: Path
    text: str
    left_out: frozenset[str] = frozenset()
    problems: list[tuple[int, str]] = msgspec.field(
        default_factory=list
    )  # (line, 0 where none is known; what to tell)

    def wrong(self, path: tuple[str, ...], problem: str, way_out: str = "") -> None:
        """Remember "FILE:LINE: KEY: problem; way out"."""
        line = line_of(self.text, path)
        self.at(line or 0, joined(": ", (".".join(path), problem)), way_out)

    def at(self, line: int, problem: str, way_out: str = "") -> None:
        """The same about a line, whatever stands there."""
        place = f"{self.path}:{line}" if line else f"{self.path}"
        told = joined("; ", filter(None, (printable(joined(": ", (place, problem))), way_out)))
        if (line, told) not in self.problems:
            self.problems.append((line, told))

    def judge(self) -> None:
        """Raise ConfigError with everything that is wrong, in the order of the file."""
        if not self.problems:
            return
        told = [text for _line, text in sorted(self.problems, key=lambda one: one[0])]
        if len(told) > _MOST:
            told[_MOST:] = [sentence("{path}: {number} more", path=self.path, number=len(told) - _MOST)]
        raise ConfigError(joined("\n", told))


class Table:
    """A table with the keys of `schema` (an entry of KEYS; None: any key); others are wrong.

    What is wrong is remembered and the reading goes on, so that all of it can be told: whoever asks for a value that
    is wrong gets what he would get for one that is missing.
    """

    def __init__(
        self,
        source: Source,
        values: Mapping[str, Any],
        path: tuple[str, ...],
        schema: str | None,
        *,
        unread: bool = False,
    ) -> None:
        """`unread`: something stands there that is no table, so that nothing is known to be missing."""
        self._source = source
        self._unread = unread
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

    def wrong(self, key: str | None, problem: str, way_out: str = "") -> None:
        """Remember what is wrong with a key of this table (None: with the table itself)."""
        self._source.wrong(self._path if key is None else (*self._path, key), problem, way_out)

    def lacks(self, key: str) -> bool:
        """Whether nobody wrote `key` into it, not even in a way that could not be read."""
        return not self._unread and key not in self and key not in self._source.left_out

    def is_empty(self, key: str) -> bool:
        """Whether `key` is there with a list of nothing."""
        return bool(self._values.get(key, ...) == [])

    def _unknown(self, key: str, schema: str) -> None:
        known = KEYS[schema]
        if key.lower() in _PLAIN_SECRETS and "password_file" in known:
            self.wrong(
                key,
                sentence("this file must not hold a password"),
                sentence("use password_file, password_command or prompt = true")
                if "password_command" in known
                else sentence("use password_file"),
            )
            return
        from difflib import get_close_matches  # late, as it is seldom needed

        if near := get_close_matches(key.lower(), known, 1):
            self.wrong(key, sentence("unknown key"), sentence("did you mean {near}?", near=near[0]))
            return
        if key in _TOP:
            self.wrong(
                key,
                sentence("unknown key here"),
                sentence("{key} belongs at the top of the file, before the first [table]", key=key),
            )
            return
        for table, keys in KEYS.items():
            if key in keys and table:
                of = table.replace("*", "NAME")
                self.wrong(key, sentence("unknown key here"), sentence("it belongs into [{of}]", of=of))
                return
        self.wrong(key, sentence("unknown key"), sentence("known here: {names}", names=", ".join(known)))

    def table(self, key: str, schema: str | None) -> "Table":
        """The table `key`; an empty one where it is missing."""
        values = self._values.get(key, {})
        unread = not isinstance(values, dict)
        if unread:
            table = ".".join((*self._path, key))
            way_out = sentence("write it as [{table}]", table=table) if schema else ""
            if schema == "servers.*":
                way_out = joined("; ", (way_out, sentence("a key of a server stands below [servers.NAME]")))
            self.wrong(key, sentence("must be a table"), way_out)
            values = {}
        return Table(self._source, values, (*self._path, key), schema, unread=unread)

    def tables(self, key: str, schema: str) -> "tuple[Table, ...]":
        """A list of tables, [{…}, {…}]; empty where it is missing."""
        values = self._values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
            self.wrong(key, sentence("must be a list of tables: [{ … }, { … }]"))
            return ()
        return tuple(Table(self._source, one, (*self._path, key), schema) for one in values)

    def text(self, key: str, *, empty: bool = False) -> str | None:
        """A text without control characters, not empty unless `empty`; None where it is missing."""
        if key not in self._values:
            return None
        if empty and self._values[key] == "":
            return ""
        return self._clean(key, self._values[key])

    def _clean(self, key: str, value: Any) -> str | None:
        if not isinstance(value, str):
            self.wrong(key, sentence("must be text in quotes"), sentence('write it as {key} = "…"', key=key))
        elif not value.strip():
            self.wrong(key, sentence("must not be empty"), sentence("leave the key out to use the default"))
        elif _CONTROL.search(value):
            self.wrong(
                key,
                sentence("must not contain line breaks or other control characters"),
                sentence(
                    "in double quotes a backslash makes them (\\t, \\n, \\b): write it twice, or use single "
                    "quotes"
                ),
            )
        else:
            return value
        return None

    def is_list(self, key: str) -> bool:
        """Whether `key` is there as a list."""
        return isinstance(self._values.get(key), list)

    def texts(self, key: str, *, secret: bool = False) -> tuple[str, ...]:
        """A list of texts, each as for `text`, none twice; empty where it is missing. `secret`: none is repeated."""
        value = self._values.get(key, [])
        if not isinstance(value, list):
            self.wrong(key, sentence('must be a list of texts: ["…", "…"]'))
            return ()
        texts = tuple(text for item in value if (text := self._clean(key, item)) is not None)
        for position, item in enumerate(texts):
            if item in texts[:position]:
                self.wrong(key, sentence('"{item}" is there twice', item="…" if secret else item))
        return texts

    def flag(self, key: str, *, default: bool = False) -> bool:
        """True or false; `default` where it is missing."""
        value = self._values.get(key, default)
        if not isinstance(value, bool):
            self.wrong(key, sentence("must be true or false, without quotes"))
            return default
        return value

    def number(self, key: str, least: int, most: int) -> int | None:
        """A whole number in a range; None where it is missing."""
        if key not in self._values:
            return None
        value = self._values[key]
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.wrong(
                key,
                sentence(
                    "must be a whole number from {least} to {most}, without quotes", least=least, most=most
                ),
            )
            return None
        return value

    def choice(self, key: str, *choices: str) -> str | None:
        """One of a few words; None where it is missing."""
        value = self.text(key)
        if value is not None and value not in choices:
            self.wrong(
                key,
                sentence(
                    '"{value}" is none of {choices}',
                    value=value,
                    choices=", ".join(f'"{choice}"' for choice in choices),
                ),
            )
            return None
        return value

    def parsed(self, key: str, parse: Callable[[str], T], default: T) -> T:
        """A text read by `parse`, whose ValueError tells how to write it."""
        value = self.text(key)
        read = None if value is None else self.checked(key, value, parse)
        return default if read is None else read

    def checked(self, key: str, value: str, parse: Callable[[str], T]) -> T | None:
        """`value` of `key` through `parse`, whose ValueError tells what is wrong with it; None then."""
        try:
            return parse(value)
        except ValueError as error:
            self.wrong(key, str(error))
            return None

    def path(self, key: str) -> Path | None:
        """A path on this machine, absolute after `~` is expanded; None where it is missing."""
        value = self.text(key)
        if value is None:
            return None
        try:
            path = Path(value).expanduser()
        except RuntimeError:
            self.wrong(
                key,
                sentence('"{value}": no such account or no home folder', value=value),
                sentence('begin it with "/" or "~/"'),
            )
            return None
        if not path.is_absolute():
            self.wrong(
                key, sentence('"{value}" is relative', value=value), sentence('begin it with "/" or "~/"')
            )
            return None
        return path
