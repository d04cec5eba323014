"""The end of a set-up: it is written, recorded, and tried as a run would; or the server is taken out."""

import asyncio
from pathlib import Path
from typing import Any

from tuibackup.config import Config, SecretSource, Server
from tuibackup.config.write import add_server, change_server, remove_server, server_lines
from tuibackup.errors import ConfigError, TuibackupError
from tuibackup.jobs.check.answer import Check, State
from tuibackup.jobs.setup import disk, keys
from tuibackup.jobs.setup.reach import Reach
from tuibackup.jobs.setup.step import Choice, Draft, Prompt, Taken, WrongAnswerError, yes
from tuibackup.ledger.entries import Kind
from tuibackup.secret import Secret
from tuibackup.vault.disk import require_answer
from tuibackup.words import _, sentence

_SHOWN = 6  # findings of the check


class Save:
    """Shows what is written, and writes it."""

    id = "save"

    def __init__(self, reach: Reach, before: Server | None = None) -> None:
        """`before`: the server as it is in the file; None for a new one."""
        self._reach = reach
        self._before = before

    @property
    def title(self) -> str:
        return _("save")

    async def ask(self, draft: Draft) -> Prompt | Taken:
        if draft.server == self._before and draft.ssh_password is None and draft.database_password is None:
            return Taken(draft, _("nothing is changed"), ends=True)
        lines = server_lines(draft.server).rstrip("\n").split("\n")
        if draft.vault is not None:
            lines = ["[vault]", f'path = "{draft.vault}"', "", *lines]
        return Prompt(
            self.id,
            self.title,
            _("Write this into {file}?").format(file=keys.shown(self._reach.config.source)),
            "yes",
            paste=tuple(lines),
            choices=(Choice("yes", _("save it")), Choice("no", _("go back and change it"))),
            only=True,
        )

    async def take(self, draft: Draft, answer: str) -> Taken:
        if not yes(answer):
            raise WrongAnswerError(_("nothing is written yet: go back to what is to be changed"))
        config = await asyncio.to_thread(self._write, draft)
        self._reach.config, self._reach.saved = config, True
        self._reach.made.clear()
        self._reach.left.clear()
        return Taken(draft, keys.shown(config.source), (_("saved"),), final=True)

    def _write(self, draft: Draft) -> Config:
        server, path = draft.server, self._reach.config.source
        secrets: list[Path] = []
        recorder = self._reach.recorder
        recorder.about_to_configure()
        try:
            if draft.vault is not None:
                disk.make(draft.vault)
            for source, secret in _passwords(draft):
                if secret and source.file:
                    secrets += _kept(source.file, secret)
            if self._before is None:
                config = add_server(path, server, draft.vault)
            else:
                config = change_server(path, self._before, server)
        except ConfigError as error:
            for one in secrets:
                self._reach.left.append(_("a password is kept in {path}").format(path=keys.shown(one)))
            raise WrongAnswerError(
                str(error), _("the lines above are all that it needs: paste them into the file")
            ) from error
        recorder.configured(config)
        for source, secret in _passwords(draft):
            if secret and source.file:
                text = sentence("a password was stored in {path}", path=keys.shown(source.file))
                recorder.record(
                    Kind.CONFIG, {"change": "password stored", "detail": text}, server=server.name
                )
        return config


def _passwords(draft: Draft) -> list[tuple[SecretSource, Secret | None]]:
    """Where each password of the server is kept, and what was typed for it."""
    database = draft.server.database
    return [
        (draft.server.password, draft.ssh_password),
        *([(database.password, draft.database_password)] if database else []),
    ]


def _kept(path: Path, secret: Secret) -> list[Path]:
    """Write a password into a file of ours that nobody else may read; the file if it is new. Raises TuibackupError."""
    from tuibackup.durable import replace_file

    new = not path.exists()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, secret.reveal().encode() + b"\n")
    except OSError as error:
        raise TuibackupError(
            _("{path} cannot be written: {reason}").format(path=path, reason=error.strerror)
        ) from error
    return [path] if new else []


class FirstCheck:
    """Tries everything as `tuibackup check` does, and offers to back up at once."""

    id = "back-up"

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self.back_up = False

    @property
    def title(self) -> str:
        return _("backup")

    async def ask(self, draft: Draft) -> Prompt:
        from tuibackup.jobs.check.check import CheckPlan, check

        config, server = self._reach.config, self._reach.config.servers[draft.server.name]
        found: list[Check] = []

        async def tell(_server: str | None, checks: Any) -> None:
            for one in checks:
                found.append(one)
                if one.state is State.OK:  # the others come with the question
                    self._reach.note(f"{one.what}: {one.detail}")

        await self._reach.close()
        await asyncio.to_thread(require_answer, config.vault.path)
        await check(CheckPlan((server,)), config, self._reach.recorder, self._reach.answers, tell)
        bad = [one for one in found if one.state is State.FAILED]
        known = [one for one in found if one.state is State.WARNING]
        lines = [f"× {one.what}: {one.detail}" for one in bad] + [
            f"▲ {one.what}: {one.detail}" for one in known
        ]
        lines = lines[:_SHOWN] or [_("√ everything that a run needs is there")]
        return Prompt(
            self.id,
            self.title,
            _("Back it up now?"),
            "no" if bad else "yes",
            detail=(*lines, _("later: {command}").format(command=f"tuibackup run {server.name}")),
            choices=(Choice("yes", _("back it up now")), Choice("no", _("later"))),
            only=True,
        )

    async def take(self, draft: Draft, answer: str) -> Taken:
        self.back_up = yes(answer)
        return Taken(draft, _("now") if self.back_up else _("later"), final=True)


class ChangeOrRemove:
    """The first question of `edit`: to change the server, or to take it out of the configuration."""

    id = "edit"

    def __init__(self, reach: Reach, server: Server) -> None:
        self._reach = reach
        self._server = server
        self._sure = False

    @property
    def title(self) -> str:
        return self._server.name

    async def ask(self, draft: Draft) -> Prompt:
        if self._sure:
            return Prompt(
                self.id,
                self.title,
                _("Take {server} out of the configuration?").format(server=self._server.name),
                "no",
                detail=self._what_stays(),
                choices=(Choice("yes", _("take it out")), Choice("no", _("leave it"))),
                only=True,
            )
        return Prompt(
            self.id,
            self.title,
            _("What is to be done with {server}?").format(server=self._server.name),
            "change",
            detail=(
                _("Its name stays, because its backups lie in a folder of that name."),
                _("For another name: remove it, then add it again; what is stored stays under the old one."),
            ),
            choices=(
                Choice("change", _("the same questions, with the present answers")),
                Choice("remove", _("take it out of the configuration; its backups stay")),
            ),
            only=True,
        )

    def _what_stays(self) -> tuple[str, ...]:
        folder = self._reach.config.vault.path / self._server.name
        files = [source.file for source in _sources(self._server) if source.file]
        kept = [_("The file {path} stays.").format(path=keys.shown(path)) for path in files]
        return (
            _("Its backups stay in {folder}, and can be restored as before.").format(folder=folder),
            _("It is not backed up any more, and no clock reminds of it."),
            *kept,
        )

    async def take(self, draft: Draft, answer: str) -> Taken:
        if answer == "change":
            return Taken(draft, _("change"))
        if answer == "remove":
            self._sure = True
            return Taken(draft, _("remove"), again=True)
        if answer == "no":
            return Taken(draft, _("left as it is"), ends=True)
        config = await asyncio.to_thread(self._remove)
        self._reach.config = config
        folder = config.vault.path / self._server.name
        stays = _("its backups stay in {folder}").format(folder=folder)
        return Taken(draft, _("taken out"), (stays,), ends=True, final=True)

    def _remove(self) -> Config:
        self._reach.recorder.about_to_configure()
        config = remove_server(self._reach.config.source, self._server.name)
        self._reach.recorder.configured(config)
        return config


def _sources(server: Server) -> Any:
    return [server.password, *([server.database.password] if server.database else [])]
