"""Selects the values of named keys from the configuration of applications, on the server; nothing else of it comes.

One way to write a value is as good as another: define('KEY', 'x'), 'KEY' => 'x', $db['KEY'] = 'x', $CFG->KEY = 'x',
KEY=x, KEY: x, [section] KEY = x. A value counts where it stands directly at its key, as a whole: what is computed
(getenv) does not. Comments, also over several lines, and here-documents are taken out before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tuibackup.discover.reader import Reader, program_text, text

_PROGRAM = program_text("values.awk")
_QUOTE = "['\\\"]"  # in a string of awk
_SPACE = "[ \\t\\n]*"
_PATH = "[^'\\\"\\n]+"
_BARE = "[^'\\\"\\n;#]+"
_NO_NAME = "[@:/()$ \\t{}]"  # a database's name has none of these; what has them is no plain value


@dataclass(frozen=True)
class Keys:
    """The keys to select, by what they mean. A dot in a key stands between a section and its key."""

    names: Sequence[str] = ()
    hosts: Sequence[str] = ()
    kinds: Sequence[str] = ()
    addresses: Sequence[str] = ()  # URLs, of which the database's name, its host and kind are taken
    folders: Sequence[str] = ()


@dataclass
class Values:
    """What one file says; `here` and `above` are folders named from the file's own folder, and from the one above."""

    names: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    addresses: list[tuple[str, str, str]] = field(default_factory=list)
    folders: list[tuple[str, str]] = field(default_factory=list)  # "", "here" or "above", and the path

    @property
    def any(self) -> bool:
        """Whether there was any value."""
        return bool(self.names or self.addresses or self.folders)


async def values(reader: Reader, keys: Keys, files: Sequence[bytes], what: str) -> Mapping[bytes, Values]:
    """The values in each of `files` that is there."""
    selected = await reader.select(program(keys), files, what=what)
    found: dict[bytes, Values] = {}
    for file, said in selected.files.items():
        one = found[file] = Values()
        for line in said:
            words = [text(word) for word in line]
            match words:
                case ["name", name]:
                    one.names.append(name)
                case ["host", host]:
                    one.hosts.append(host)
                case ["kind", kind]:
                    one.kinds.append(kind.lower())
                case ["address", name, host, scheme]:
                    one.addresses.append((name, host, scheme))
                case ["folder" | "here" | "above" as place, path]:
                    one.folders.append(("" if place == "folder" else place, path))
    return found


def program(keys: Keys) -> bytes:
    """The awk program that selects these keys."""
    scans = [
        *(_scans("name", keys.names, _NO_NAME)),
        *(_scans("host", keys.hosts, "[@()$ {}]")),
        *(_scans("kind", keys.kinds, _NO_NAME)),
        *(_scans("folder", keys.folders, "[$()]")),
        *(
            f'scan("{tag}", "{before}{start}[)]?{_SPACE}[.]{_SPACE}{_QUOTE}", "{_PATH}", "")'
            for key in keys.folders
            for before in _befores(key, quoted=True, open_=True)
            for tag, start in (
                ("here", "(__DIR__|dirname[(]__FILE__[)])"),
                ("above", "dirname[(](__DIR__|dirname[(]__FILE__[)])"),
            )
        ),
        *(
            f'address("address", "{before}")'
            for key in keys.addresses
            for before in (*_befores(key, quoted=True), *_befores(key, quoted=False))
        ),
    ]
    finish = 'function finish() { if (buffer == "") return\n' + "\n".join(scans) + "\n}\n"
    return _PROGRAM + finish.encode()


def _scans(tag: str, keys: Iterable[str], sign: str) -> Iterable[str]:
    for key in keys:
        for before in _befores(key, quoted=True):
            yield f'scan("{tag}", "{before}", "{_PATH}", "{sign}")'
        for before in _befores(key, quoted=False):
            yield f'scan("{tag}", "{before}", "{_BARE}", "{sign}")'


def _befores(key: str, *, quoted: bool, open_: bool = False) -> Iterable[str]:
    """Regular expressions for what stands before a key's value, up to its quote; `open_`: up to where that would be."""
    exact = key.replace(".", "[.]")
    quote = "" if open_ else _QUOTE
    if not quoted:
        yield f"\\n[ \\t]*(-[ \\t]*)?(export[ \\t]+)?{exact}[ \\t]*[=:][ \\t]*"
        return
    if not open_:
        yield f"\\n[ \\t]*(-[ \\t]*)?(export[ \\t]+)?{exact}[ \\t]*[=:][ \\t]*{quote}"
        yield f"\\n[ \\t]*-[ \\t]*{_QUOTE}{exact}[=]"
    yield f"define{_SPACE}[(]{_SPACE}{_QUOTE}{exact}{_QUOTE}{_SPACE},{_SPACE}{quote}"
    yield f"{_QUOTE}{exact}{_QUOTE}{_SPACE}(=>|:|[]]{_SPACE}=){_SPACE}{quote}"
    yield f"(->|[$]){exact}{_SPACE}={_SPACE}{quote}"
