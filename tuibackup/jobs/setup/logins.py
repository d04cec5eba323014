"""How to log in at the server: by keys that are there, by its password once, or by lines that root pastes there."""

from dataclasses import replace
from pathlib import Path

from msgspec import structs

from tuibackup.config import SecretSource, Server
from tuibackup.errors import LoginError, NeedsOperatorError, TuibackupError
from tuibackup.jobs.setup import keys
from tuibackup.jobs.setup.reach import Reach
from tuibackup.jobs.setup.step import Choice, Draft, Prompt, Taken, WrongAnswerError
from tuibackup.remote.connect.agent import agent_is_there
from tuibackup.secret import Secret
from tuibackup.text import printable
from tuibackup.words import _

_NEW = "new"
_KEEP = "keep"


async def _logged_in(reach: Reach, server: Server, **way: object) -> tuple[str, ...]:
    """Log in, and see that something can be done there; in a few words. Raises as `Reach.log_in`, WrongAnswerError."""
    session = await reach.log_in(server, **way)  # type: ignore[arg-type]
    probe = await reach.probe(server)
    where = f"{printable(session.user)}@{session.address}"
    if probe.shell:
        return (where,)
    from tuibackup.remote import sftp

    try:
        async with sftp.opened(session):
            return (where, _("no shell there: files are read over SFTP"))
    except TuibackupError as error:
        said = f": {probe.said}" if probe.said else ""
        raise WrongAnswerError(
            _("the login works, but the server runs no commands and has no SFTP{said}").format(said=said),
            _("see the account's shell and password on the server"),
        ) from error


class Login:
    """Tries what is there: the configured key or password, the agent, the keys of ~/.ssh. Else asks how."""

    id = "login"

    def __init__(self, reach: Reach, *, offer: bool = False) -> None:
        """`offer`: ask how, even where the present way works."""
        self._reach = reach
        self._offer = offer

    @property
    def title(self) -> str:
        return _("login")

    async def ask(self, draft: Draft) -> Prompt | Taken:
        try:
            found = await _logged_in(self._reach, draft.server, quiet=True)
        except (LoginError, NeedsOperatorError) as error:
            return self._prompt(str(error))
        server = draft.server
        if self._offer:
            return self._prompt(
                _("logged in as {where}").format(where=", ".join(found)), Choice(_KEEP, _("as it is"))
            )
        if server.key is None and server.password == SecretSource():
            warned = ""
            if self._reach.unlocked:
                warned = _("this key has a passphrase, which nobody types for a timer")
            elif agent_is_there():
                warned = _("a key of your agent may have opened this: a timer has no agent")
            if warned:
                return Taken(replace(draft, login="agent"), _("a key"), found, (warned,))
        return Taken(replace(draft, login="keys"), _("as configured") if server.key else _("a key"), found)

    def _prompt(self, told: str, *keep: Choice) -> Prompt:
        choices = (
            *keep,
            Choice("password", _("you know its password: type it once, then a key is installed")),
            Choice("paste", _("root pastes lines on the server: account and key")),
            *(Choice(keys.shown(path), _("this key, with its passphrase")) for path in keys.own_keys()[:4]),
        )
        return Prompt(
            self.id,
            self.title,
            _("How to log in? Or type the path of a private key"),
            choices[0].answer,
            detail=(told,),
            choices=choices,
            check=self._check,
        )

    @staticmethod
    def _check(text: str) -> str:
        if text in ("password", "paste", _KEEP):
            return ""
        if not text.startswith(("/", "~/")):
            return _("password, paste, or the full path of a private key")
        return "" if keys.typed(text).is_file() else _("there is no file {path}").format(path=text)

    async def take(self, draft: Draft, answer: str) -> Taken:
        if answer == _KEEP:
            return Taken(
                replace(draft, login="keys"), _("as it is"), await _logged_in(self._reach, draft.server)
            )
        if answer in ("password", "paste"):
            words = _("by its password, once") if answer == "password" else _("by lines to paste")
            return Taken(replace(draft, login=answer), words)
        server = structs.replace(draft.server, key=keys.typed(answer), password=SecretSource())
        found = await _logged_in(self._reach, server, alone=True)
        return Taken(replace(draft, server=server, login="key"), answer, found)


class Password:
    """Its password, typed once. It is not kept, unless `Key` is answered so."""

    id = "password"

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    @property
    def title(self) -> str:
        return _("password")

    async def ask(self, draft: Draft) -> Prompt | None:
        if draft.login != "password":
            return None
        user = draft.server.user or _("the account")
        text = _("Password of {user} at {host}:").format(user=user, host=draft.server.host)
        return Prompt(self.id, self.title, text, secret=True)

    async def take(self, draft: Draft, answer: str) -> Taken:
        found = await _logged_in(self._reach, draft.server, password=Secret(answer))
        return Taken(replace(draft, ssh_password=Secret(answer)), _("right"), found)


class Key:
    """The key that logs in from now on: a new one or one that is there; installed, or to be pasted."""

    id = "key"

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    @property
    def title(self) -> str:
        return _("key")

    async def ask(self, draft: Draft) -> Prompt | None:
        if draft.login not in ("password", "paste", "agent"):
            return None
        there = keys.own_keys()
        ours = keys.new_key_path()
        choices = [] if ours in there else [Choice(_NEW, _("make {path}: ed25519, no passphrase")
                                                   .format(path=keys.shown(ours)))]  # fmt: skip
        choices += [Choice(keys.shown(path), _("is there already")) for path in there]
        text = _("Which key is to log in from now on?")
        default = choices[0].answer
        if draft.login == "password":
            choices.append(Choice("file", _("none: keep the password in a file of yours (0600)")))
        if draft.login == "agent":
            choices.append(Choice("no", _("leave it to the agent and ~/.ssh")))
            default = "no"
        return Prompt(self.id, self.title, text, default, choices=tuple(choices), only=True)

    async def take(self, draft: Draft, answer: str) -> Taken:
        if answer == "no":
            return Taken(replace(draft, login="keys"), _("left to the agent and ~/.ssh"))
        if answer == "file":
            return self._kept_in_file(draft)
        path = keys.new_key_path() if answer == _NEW else keys.typed(answer)
        if answer == _NEW and not path.exists():
            keys.make_key(path)
            self._reach.made += [path, Path(f"{path}.pub")]
        public = keys.public_line(path)
        server = structs.replace(draft.server, key=path, password=SecretSource())
        if draft.login == "paste":
            return Taken(replace(draft, server=server), keys.shown(path))
        session = await self._reach.session(draft.server)
        await keys.install(session, public)
        self._installed(path, server)
        found = await self._alone(server)
        return Taken(replace(draft, server=server, login="key", ssh_password=None), keys.shown(path), found)

    async def _alone(self, server: Server) -> tuple[str, ...]:
        try:
            return (*await _logged_in(self._reach, server, alone=True), _("this key alone logs in"))
        except LoginError as error:
            raise WrongAnswerError(
                _("the key is in ~/.ssh/authorized_keys there, but does not log in: {reason}").format(
                    reason=error.message
                ),
                error.way_out,
            ) from error

    def _installed(self, path: Path, server: Server) -> None:
        self._reach.made = [one for one in self._reach.made if one not in (path, Path(f"{path}.pub"))]
        text = _("the key {path} stays in ~/.ssh/authorized_keys of {user} at {host}")
        text = text.format(path=keys.shown(path), user=server.user or "", host=server.host)
        if text not in self._reach.left:
            self._reach.left.append(text)

    def _kept_in_file(self, draft: Draft) -> Taken:
        path = self._reach.config.source.parent / f"{draft.server.name}.ssh-password"
        server = structs.replace(draft.server, key=None, password=SecretSource(file=path))
        self._reach.keeps(server)
        return Taken(replace(draft, server=server, login="file"), keys.shown(path))


class Paste:
    """The lines for root at the server, and whether the key then logs in."""

    id = "paste"

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    @property
    def title(self) -> str:
        return _("account")

    async def ask(self, draft: Draft) -> Prompt | None:
        if draft.login != "paste" or draft.server.key is None:
            return None
        user = draft.server.user or (await _user(draft.server))
        return Prompt(
            self.id,
            self.title,
            _("Enter tries whether the key logs in"),
            optional=True,
            detail=(_("On the server, as root:"),),
            paste=keys.account_lines(user, keys.public_line(draft.server.key)),
        )

    async def take(self, draft: Draft, answer: str) -> Taken:
        found = await _logged_in(self._reach, draft.server, alone=True)
        self._reach.made.clear()
        return Taken(replace(draft, login="key"), _("pasted"), found)


async def _user(server: Server) -> str:
    from tuibackup.remote.sshconfig import sshconfig

    return (await sshconfig.settings(sshconfig.Hop(server.host, server.port))).user
