"""What may stand next on a command line: commands, options, their values, servers, snapshots.

It is read off the parsers that the commands define, so that it cannot say anything else than they take. It reads the
configuration and, for snapshots, the names of folders in the vault; it reaches no server.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.cli.context import Context
from tuibackup.cli.main import COMMANDS, parser_of, top_parser
from tuibackup.errors import VaultError
from tuibackup.sop import Clock

if TYPE_CHECKING:
    from tuibackup.vault.layout import Vault

FILES = ":files"
"""Stands alone where the name of a local file is wanted: the shell knows best how to complete that."""

_PATIENCE = 1.0  # seconds for the backup disk
_SERVERS = frozenset({"SERVER", "S", "OTHER", "TARGET", "RUN"})  # a run may be named by its server


def fitting(words: Sequence[str], context: Context) -> list[str]:
    """What the last of `words`, those behind `tuibackup`, may become. Raises TuibackupError."""
    *before, typed = words or [""]
    _use_config(before, context)
    parser, before = _parser(before)
    if parser is None:
        return []
    if typed == "=" or before[-1:] == ["="]:  # bash takes `--existing=never` for three words
        before, typed = ([*before], "") if typed == "=" else (before[:-1], typed)
    option, positional, used = _place(parser, before)
    name, equals, value = typed.partition("=")
    if option is None and typed.startswith("-") and equals:
        found: Iterator[str] = (
            f"{name}={one}" for one in _values(_options(parser).get(name), value, context)
        )
    elif option is None and typed.startswith("-"):
        found = (one for one in _offered(parser, used) if one.startswith(typed))
    else:
        found = _values(option or positional, typed, context)
    return list(dict.fromkeys(found))


def _use_config(before: Sequence[str], context: Context) -> None:
    """Where a configuration is named, that one tells the servers."""
    for word, following in pairwise([*before, ""]):
        name, equals, value = word.partition("=")
        if name == "--config" and (value or (not equals and following)):
            context.config_path = Path(value or following).expanduser()


def _parser(before: list[str]) -> tuple[argparse.ArgumentParser | None, list[str]]:
    """The parser of the command that is named in `before`, and the words behind it; None for no such command."""
    top = top_parser()
    for number, word in enumerate(before):
        option, _positional, _used = _place(top, before[:number])
        if option is None and not word.startswith("-"):
            return (parser_of(word) if word in COMMANDS else None), before[number + 1 :]
    return top, before


def _place(
    parser: argparse.ArgumentParser, before: Iterable[str]
) -> tuple[argparse.Action | None, argparse.Action | None, set[str]]:
    """The option that waits for its value, the positional that comes next, and the options that were said."""
    positionals = [one for one in parser._actions if not one.option_strings]  # argparse has no public way
    options, waits, used = _options(parser), None, set[str]()
    for word in before:
        if waits is not None:
            waits = None
        elif word.startswith("-") and word != "-":
            name, equals, _value = word.partition("=")
            used.add(name)
            action = options.get(name)
            waits = action if action and action.nargs != 0 and not equals else None
        elif positionals and positionals[0].nargs not in ("*", "+"):
            positionals.pop(0)
    return waits, next(iter(positionals), None), used


def _options(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    return {name: one for one in parser._actions for name in one.option_strings}


def _offered(parser: argparse.ArgumentParser, used: set[str]) -> Iterator[str]:
    for one in parser._actions:
        again = isinstance(one.default, list)  # one that may be said several times
        if one.help != argparse.SUPPRESS and (again or not used.intersection(one.option_strings)):
            yield from one.option_strings


def _values(action: argparse.Action | None, typed: str, context: Context) -> Iterator[str]:
    """What begins as `typed` and may be the value of `action`, by its choices or by the words of its metavar."""
    if action is None:
        return
    if action.dest == "command":
        yield from (one for one in COMMANDS if one.startswith(typed))
        return
    if action.choices is not None:
        yield from (one for one in map(str, action.choices) if one.startswith(typed))
        return
    if action.type is Path or action.metavar in ("FILE", "DIR"):
        yield FILES
        return
    for kind in map(str.strip, str(action.metavar or "").split("|")):
        yield from (
            one for one in _named(kind, typed, context) if one.startswith(typed) and one.isprintable()
        )


def _named(kind: str, typed: str, context: Context) -> Iterable[str]:
    if kind in _SERVERS:
        return context.config.servers
    if kind == "COPY":
        return context.config.copies
    if kind == "SNAPSHOT":
        return _snapshots(typed, context)
    return [kind] if kind.islower() else []


def _snapshots(typed: str, context: Context) -> Iterator[str]:
    """Part by part, as folders are: "siakad/", "siakad/files/", "siakad/files/latest"; none while the disk is away."""
    try:
        vault = _vault(context)
    except VaultError:
        return
    server, slash, rest = typed.partition("/")
    clock, further, _name = rest.partition("/")
    if not slash:
        yield from (f"{one}/" for one in vault.servers())
    elif not further:
        yield from (f"{server}/{one}/" for one in Clock if vault.names(server, one))
    elif clock in set(Clock):
        names = vault.names(server, Clock(clock))
        yield from (f"{server}/{clock}/{one}" for one in (*(["latest"] if names else []), *reversed(names)))


def _vault(context: Context) -> "Vault":
    from tuibackup.run.places import open_vault
    from tuibackup.vault.disk import require_answer

    context.looks_after_disks()
    require_answer(context.config.vault.path, _PATIENCE)
    return open_vault(context.config, create=False)
