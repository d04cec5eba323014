"""`tuibackup cat`: the content of one file of a snapshot, or the SQL of a database or table, to standard output."""

import argparse
import codecs
import json
import sys
from base64 import b64encode
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from tuibackup.cli import fromcopy
from tuibackup.cli.context import Context
from tuibackup.cli.output import exact_name
from tuibackup.errors import UsageError, VaultError
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.jobs.content import Content

_LOOKED_AT = 8192  # bytes: a NUL among the first ones makes a file binary, as for grep and git


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `cat`."""
    parser.description = _(
        "Prints a file of a snapshot, byte by byte as it was, or the SQL of a database or of one table."
        " Exit code 1: it is damaged, and what was printed is not to be relied on."
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT")
    parser.add_argument(
        "what",
        metavar="PATH | DATABASE[.TABLE]",
        help=_("PATH: absolute, as on the server"),
    )
    parser.add_argument(
        "-L",
        "--follow",
        action="store_true",
        help=_("follow symbolic links inside the snapshot"),
    )
    fromcopy.define(parser)
    parser.add_argument("--json", action="store_true", help=_("one JSON document, the content in base64"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Print it, and say when it is not whole."""
    with fromcopy.looking(args, context, args.snapshot, lists=False) as spec:
        args.snapshot = spec
        return _looked(args, context)


def _looked(args: argparse.Namespace, context: Context) -> int:
    from tuibackup.jobs.content import content_of

    content = content_of(context.vault.find(args.snapshot), args.what, follow=args.follow)
    parts = _proven(content)
    if args.json:
        return _print_document(content, parts)
    if sys.stdout.isatty():
        _show(content, parts)
        return 0
    for part in parts:
        sys.stdout.buffer.write(part)
    return 0


def _proven(content: "Content") -> Iterator[bytes]:
    """The parts; VaultError says how many came if they are not what was stored."""
    came = 0
    try:
        for part in content.parts:
            yield part
            came += len(part)
    except VaultError as error:
        from tuibackup.text import size

        sys.stdout.flush()
        raise VaultError(
            _("{name} is damaged in {snapshot}, after {came} of {size}: {reason}").format(
                name=content.name,
                snapshot=content.snapshot.spec,
                came=size(came),
                size=size(content.size),
                reason=error.message,
            ),
            error.way_out or _("tuibackup find {name} shows other snapshots").format(name=content.name),
        ) from error


def _show(content: "Content", parts: Iterator[bytes]) -> None:
    """On a terminal: text, with what could steer the terminal made visible."""
    from tuibackup.text import printable

    first = next(parts, b"")
    if b"\0" in first[:_LOOKED_AT]:
        raise UsageError(
            _("{name} is not text").format(name=content.name), _("put | less or > FILE behind the command")
        )
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for part in chain([first], parts, [b""]):
        text = decoder.decode(part, final=not part).replace("\r\n", "\n")
        lines = ("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))
        sys.stdout.write("\n".join(lines))


def _print_document(content: "Content", parts: Iterator[bytes]) -> int:
    """One document that is whole also when the content is not; it is printed as it comes."""
    around = json.dumps(_about(content), indent=2).removesuffix("\n}")
    error, left = None, b""
    first = next(parts, b"")  # an error before the first part is one line and no document
    sys.stdout.write(f'{around},\n  "content-base64": "')
    try:
        for part in chain([first], parts):
            left += part
            whole = len(left) - len(left) % 3
            sys.stdout.write(b64encode(left[:whole]).decode())
            left = left[whole:]
    except VaultError as damaged:
        error = damaged
    sys.stdout.write(b64encode(left).decode())
    sys.stdout.write(f'",\n  "error": {json.dumps(str(error) if error else None)}\n}}\n')
    if error is not None:
        raise error
    return 0


def _about(content: "Content") -> dict[str, Any]:
    about: dict[str, Any] = {"snapshot": content.snapshot.spec}
    if content.database is None:
        about |= exact_name("path", content.path)
    else:
        about |= {"database": content.database, "table": content.table}
    return {**about, "size": content.size, "sha256": content.sha256.hex() if content.sha256 else None}
