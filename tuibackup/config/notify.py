"""The table [notify]: who is told what, and when. Its secrets lie in files; nothing here reads them."""

import re
from datetime import datetime, time, timedelta
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import msgspec

from tuibackup.config.table import Table
from tuibackup.words import sentence

LEVELS = ("failed", "warnings", "all")
TLS = ("starttls", "tls", "none")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SUMMARY = re.compile(r"\s*(?:daily|weekly\s+([a-z]{3}))\s+([0-9]{1,2}):([0-9]{2})\s*")
_ADDRESS = re.compile(r"[^\s@<>,;\"()]{1,64}@[^\s@<>,;\"()]{1,255}")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]")
TLS_PORT = 465


class Summary(msgspec.Struct, frozen=True):
    """When the summary is sent, local time; `day` 0 is Monday, None every day."""

    at: time
    day: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Summary":
        """Read "daily 07:00" or "weekly mon 07:00". Raises ValueError with a sentence for the user."""
        match = _SUMMARY.fullmatch(text.lower())
        if not match or (match[1] or _DAYS[0]) not in _DAYS or int(match[2]) > 23 or int(match[3]) > 59:
            raise ValueError(
                sentence(
                    '"{text}" is no time of a summary; write it as "daily 07:00" or "weekly mon 07:00", "" for none',
                    text=text,
                )
            )
        return cls(time(int(match[2]), int(match[3])), _DAYS.index(match[1]) if match[1] else None)

    def last(self, now: datetime) -> datetime:
        """The newest moment, not after `now`, at which it is sent; local time."""
        local = now.astimezone()
        day = local.date()
        while True:
            moment = datetime.combine(day, self.at).astimezone()
            if moment <= local and self.day in (None, day.weekday()):
                return moment
            day -= timedelta(days=1)

    @property
    def calendar(self) -> str:
        """As systemd writes it: "Mon *-*-* 07:00:00"."""
        day = "" if self.day is None else f"{_DAYS[self.day].capitalize()} "
        return f"{day}*-*-* {self.at:%H:%M}:00"


class Mail(msgspec.Struct, frozen=True):
    """A mail server and whom it brings the messages. `tls` None: at port 465 from the start, else STARTTLS where the
    server offers it; a password goes over an encrypted line only.
    """

    to: tuple[str, ...]
    host: str
    port: int = 25
    sender: str = ""  # "": tuibackup@ this machine
    user: str = ""
    password_file: Path | None = None
    tls: str | None = None
    ca_file: Path | None = None


class NotifySettings(msgspec.Struct, frozen=True):
    """Who is told. `post` are URLs; `post_file`, `apprise_file` and `heartbeat_file` hold URLs, which are secrets."""

    on: str = "warnings"
    summary: Summary | None = None
    mail: Mail | None = None
    post: tuple[str, ...] = ()
    post_file: Path | None = None
    apprise_file: Path | None = None
    heartbeat_file: Path | None = None
    metrics: Path | None = None

    @property
    def tells(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self.mail or self.post or self.post_file or self.apprise_file)

    @property
    def wanted(self) -> bool:
        """Whether something is to be done after a run."""
        return self.tells or self.metrics is not None


def read_notify(table: Table) -> NotifySettings:
    """The table [notify]."""
    usual = NotifySettings()
    post = table.texts("post", secret=True)
    for url in post:
        _judge_url(table, url)
    summary = None
    if table.text("summary", empty=True):
        summary = table.parsed("summary", Summary.parse, None)
    return NotifySettings(
        on=table.choice("on", *LEVELS) or usual.on,
        summary=summary,
        mail=_mail(table.table("mail", "notify.mail")) if "mail" in table else None,
        post=post,
        post_file=table.path("post_file"),
        apprise_file=table.path("apprise_file"),
        heartbeat_file=table.path("heartbeat_file"),
        metrics=_metrics(table),
    )


def _metrics(table: Table) -> Path | None:
    path = table.path("metrics")
    if path is not None and path.suffix != ".prom":
        table.wrong(
            "metrics",
            sentence("node_exporter reads only files whose names end in .prom"),
            sentence('write it as "/var/lib/node_exporter/textfile/tuibackup.prom"'),
        )
    return path


def _mail(table: Table) -> Mail:
    to = table.texts("to")
    if table.lacks("to") or table.is_empty("to"):
        table.wrong(
            "to", sentence("is missing"), sentence('name who gets the mail: to = ["it@example.ac.id"]')
        )
    for address in to:
        table.checked("to", address, mail_address)
    server = table.parsed("server", mail_server, ("", 25))
    if table.lacks("server"):
        table.wrong(
            "server", sentence("is missing"), sentence('name the mail server: "mail.example.ac.id:587"')
        )
    user, password = table.text("user"), table.path("password_file")
    if "user" in table and table.lacks("password_file"):
        table.wrong(
            "user",
            sentence("there is no password_file"),
            sentence("name the file whose first line is the password"),
        )
    if "password_file" in table and table.lacks("user"):
        table.wrong(
            "password_file", sentence("there is no user"), sentence("name the account of the mail server")
        )
    return Mail(
        to,
        *server,
        sender=table.parsed("from", mail_address, ""),
        user=user or "",
        password_file=password,
        tls=table.choice("tls", *TLS),
        ca_file=table.path("ca_file"),
    )


def mail_address(text: str) -> str:
    """`text` if it is one plain mail address. Raises ValueError with a sentence for the user."""
    if not _ADDRESS.fullmatch(text) or not text.isprintable():
        raise ValueError(sentence('"{text}" is no mail address; write it as "it@example.ac.id"', text=text))
    return text


def mail_server(text: str) -> tuple[str, int]:
    """Host and port of "mail.example.ac.id:587"; without a port 25. Raises ValueError with a sentence for the user."""
    host, _colon, port = text.rpartition(":") if re.search(r"(?<!:):[0-9]*$", text) else (text, "", "25")
    if not _HOST.fullmatch(host) or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(
            sentence('"{text}" is no mail server; write it as "mail.example.ac.id:587"', text=text)
        )
    return host.strip("[]"), int(port)


def web_address(text: str) -> SplitResult:
    """The parts of an http or https URL. Raises ValueError with a sentence that does not repeat it: it is a secret."""
    try:
        parts = urlsplit(text)
        fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fit = False
    if not fit or not text.isprintable() or " " in text:
        raise ValueError(sentence("is no address that begins with https:// or http://"))
    return parts


def _judge_url(table: Table, url: str) -> None:
    """Never repeats the URL in an error: it may hold a token."""
    parts = table.checked("post", url, web_address)
    if parts and (parts.username or parts.password):
        table.wrong(
            "post",
            sentence("this file must not hold a password"),
            sentence("put the address into a file of mode 600, and name that: post_file"),
        )
