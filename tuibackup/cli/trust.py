"""`tuibackup trust`: see the host keys on the way to a server, and accept them; recorded in the ledger."""

import argparse
import re
import time
from typing import TYPE_CHECKING

from tuibackup.cli import loop
from tuibackup.cli.answers import TerminalAnswers, present
from tuibackup.cli.context import Context
from tuibackup.cli.output import say
from tuibackup.errors import HostKeyError, NeedsOperatorError, UnknownHostKeyError, UsageError
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.config import SecretSource, Server
    from tuibackup.remote.connect.hostkeys import HostKey
    from tuibackup.remote.questions import Question
    from tuibackup.secret import Secret

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `trust`."""
    parser.description = _(
        "Shows the host key of a server, and of each jump host on the way, where it is not known yet, and asks"
        " whether it is right: compare it on the server's own console. A key that has changed is never accepted"
        " here."
    )
    parser.add_argument("server", metavar="SERVER")
    parser.add_argument(
        "--fingerprint",
        action="append",
        default=[],
        metavar="SHA256:…",
        help=_("accept this key and no other, without asking; may be given for each jump host too"),
    )


def carry_out(args: argparse.Namespace, context: Context) -> int:
    """Ask for each unknown key; the accepted ones are kept and recorded."""
    server = context.server(args.server)
    wrong = [text for text in args.fingerprint if not _FINGERPRINT.fullmatch(text)]
    if wrong:
        raise UsageError(
            _("{text} is no fingerprint").format(text=wrong[0]), _("it is SHA256: and 43 characters more")
        )
    judge = _Judge(frozenset(args.fingerprint))
    try:
        with judge.terminal:
            loop.run(_learn(server, judge, context))
    except UnknownHostKeyError as error:
        if args.fingerprint or present():
            raise
        raise NeedsOperatorError(
            _("needs an operator: {text}").format(text=error.message),
            _("do this in a terminal, or name the key: --fingerprint SHA256:…"),
        ) from error
    if judge.accepted:
        print(_("√ {server} is trusted from now on").format(server=server.name))
    else:
        print(_("√ every host key on the way to {server} is known").format(server=server.name))
    return 0


class _Judge:
    """Answers host-key questions: by the fingerprints given, else by asking; everything else is asked."""

    def __init__(self, fingerprints: frozenset[str]) -> None:
        self._fingerprints = fingerprints
        self.terminal = TerminalAnswers()
        self.accepted = False

    async def ask(self, question: "Question") -> str | None:
        if question.kind != "host-key":
            return await self.terminal.ask(question)
        if self._fingerprints:
            # Exactly: a fingerprint inside a longer word is another one.
            shown = set(" ".join(question.detail).split())
            answer = "yes" if shown & self._fingerprints else "no"
        else:
            answer = await self.terminal.ask(question) or "no"
        if answer.strip().lower() == "yes":
            self.accepted = True
        return answer


async def _learn(server: "Server", judge: _Judge, context: Context) -> None:
    from tuibackup.remote.session import learn_host_keys
    from tuibackup.run.passwords import resolve
    from tuibackup.run.places import known_hosts

    async def secret(source: "SecretSource", question: "Question") -> "Secret | None":
        return await resolve(source, question, judge)

    record = context.trusting(server.name, "trust")

    def told(where: str, key: "HostKey", fault: str) -> None:
        if record:
            record(where, key, fault)
        if fault:
            raise HostKeyError(fault)  # the next command would not know it

    await learn_host_keys(
        server,
        known_hosts=known_hosts(context.config, told),
        answers=judge,
        secrets=secret,
        deadline=time.monotonic() + context.config.sop.connect_within,
        notes=lambda text: say(f"{server.name}: {text}"),
    )
