"""The words `--from COPY [--identity FILE]` of commands that read snapshots: out of a copy instead of the vault."""

import argparse
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypedDict

from tuibackup.cli.context import Context
from tuibackup.errors import UsageError
from tuibackup.words import _


class Source(TypedDict):
    """The same as words of an order have them."""

    source: str
    identity: bytes


def define(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    parser.add_argument(
        "--from",
        dest="source",
        metavar="COPY",
        help=_("out of this copy, not out of the vault; neither vault nor ledger are needed"),
    )
    define_identity(parser)


def define_identity(parser: argparse.ArgumentParser) -> None:
    """Add the word for what opens an encrypted copy."""
    parser.add_argument(
        "--identity",
        type=Path,
        metavar="FILE",
        help=_("of an encrypted copy: the file with the identity of age, or the SSH key"),
    )


def identity_of(args: argparse.Namespace) -> bytes:
    """What it says, as an order has it; b"" for nothing."""
    return os.fsencode(args.identity.expanduser().absolute()) if args.identity else b""


def source(args: argparse.Namespace, context: Context) -> Source:
    """What they say, for an order. Raises UsageError: there is no such copy, or an identity alone."""
    if args.source is None:
        if args.identity is not None:
            raise UsageError(_("--identity is for an encrypted copy"), _("name it: --from COPY"))
        return Source(source="", identity=b"")
    context.config.copy(args.source)
    return Source(source=args.source, identity=identity_of(args))


@contextmanager
def looking(
    args: argparse.Namespace,
    context: Context,
    what: str | None,
    *,
    lists: bool = True,
    summaries: bool = False,
) -> Iterator[str | None]:
    """Look into the copy in the block, where one is named: `context` has its snapshots as a vault. Raises CopyError.

    `what`: a snapshot, whose name is returned, or None for all; `lists`: their lists alone, not their content;
    `summaries`: nothing of them but their snapshot.json.
    """
    said = source(args, context)
    if not said["source"]:
        yield what
        return
    from tuibackup.cli.answers import TerminalAnswers
    from tuibackup.cli.output import say
    from tuibackup.cli.progress import ProgressLine
    from tuibackup.jobs.copy.staged import LISTS, SUMMARIES, vault_of_copy
    from tuibackup.jobs.copy.way import Way

    stack = ExitStack()
    with TerminalAnswers() as terminal, ProgressLine() as line:
        way = Way(terminal, context.recorder, say)
        only = SUMMARIES if summaries else LISTS if lists else ()
        staged = vault_of_copy(
            context.config, said["source"], what, args.identity, way, line.update, only=only
        )
        config, specs = stack.enter_context(staged)
        context.use(config)
    with stack:
        yield specs[0] if what is not None else None
