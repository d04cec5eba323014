"""Messages by mail, through smtplib. A password goes over an encrypted line only, and certificates are checked."""

import smtplib
import socket
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import NoReturn

from tuibackup.config.notify import TLS_PORT, Mail
from tuibackup.notify.errors import SendError, hidden
from tuibackup.notify.message import Message
from tuibackup.run.passwords import SecretError, read_private
from tuibackup.secret import Secret
from tuibackup.text import printable
from tuibackup.words import joined, sentence

# Python breaks a subject of 80 letters behind its name, which is allowed and looks like none in some programs.
_POLICY = SMTP.clone(max_line_length=400)
SECONDS = 20.0  # of one wait; the whole is limited by `apart`


class MailChannel:
    """One mail server, and all whom it brings the messages."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self._server = f"{mail.host}:{mail.port}"
        self.key = "mail"
        self.name = sentence("mail through {server}", server=self._server)

    def send(self, message: Message) -> str:
        mail, password = self._mail, self._password()
        written = self._written(message)
        try:
            with _Session(mail, password) as server:
                refused = server.send_message(written, self._sender, list(mail.to))
        except (smtplib.SMTPException, OSError, UnicodeError, ValueError) as error:
            self._fail(error, password)
        if not refused:
            return ""
        told = [
            sentence(
                "{address}: {code} {said}", address=address, code=str(code), said=self._said(said, password)
            )
            for address, (code, said) in refused.items()
        ]
        return sentence(
            "{server} refused some who were to get it: {told}", server=self._server, told=joined(", ", told)
        )

    def look(self) -> str:
        password = self._password()
        try:
            with _Session(self._mail, password):
                pass
        except (smtplib.SMTPException, OSError, UnicodeError, ValueError) as error:
            self._fail(error, password)
        if password:
            return sentence("{server} answers, and lets {user} in", server=self._server, user=self._mail.user)
        return sentence("{server} answers", server=self._server)

    @property
    def _sender(self) -> str:
        return self._mail.sender or f"tuibackup@{socket.gethostname()}"

    def _written(self, message: Message) -> EmailMessage:
        written = EmailMessage(policy=_POLICY)
        written["Subject"] = message.subject
        written["From"] = self._sender
        written["To"] = ", ".join(self._mail.to)
        written["Date"] = formatdate(localtime=True)
        written["Message-ID"] = make_msgid("tuibackup", socket.gethostname() or "localhost")
        written["Auto-Submitted"] = "auto-generated"  # so that no holiday notice answers it
        written.set_content(message.text, cte="quoted-printable")
        return written

    def _password(self) -> Secret | None:
        if self._mail.password_file is None:
            return None
        named = sentence("password file {path}", path=self._mail.password_file)
        try:
            first = read_private(self._mail.password_file, named).split(b"\n", 1)[0].removesuffix(b"\r")
            text = first.decode()
        except SecretError as error:
            raise SendError(error.message, error.way_out) from None
        except UnicodeDecodeError:
            raise SendError(sentence("{file} is not UTF-8 text", file=named)) from None
        if not text:
            raise SendError(sentence("{source} gave an empty first line", source=named))
        return Secret(text)

    def _said(self, said: bytes | str, password: Secret | None) -> str:
        secrets = []
        if password:
            value, user = password.reveal(), self._mail.user
            secrets = [value, f"\0{user}\0{value}", f"{user}\0{user}\0{value}"]
        return hidden(printable(said), secrets)

    def _fail(self, error: Exception, password: Secret | None) -> NoReturn:
        """Raise SendError in words of ours, with what the server said."""
        server = self._server
        match error:
            case _PlainError():
                raise SendError(
                    sentence(
                        "{server} offers no encryption, and a password is not sent without it", server=server
                    ),
                    sentence('use the port for TLS (465), or allow it: tls = "none"'),
                ) from None
            case _NoTlsError():
                raise SendError(
                    sentence("{server} offers no encryption (STARTTLS)", server=server),
                    sentence('use the port for TLS (465), or allow it: tls = "none"'),
                ) from None
            case ssl.SSLCertVerificationError():
                raise SendError(
                    sentence(
                        "the certificate of {server} is not trusted: {why}",
                        server=server,
                        why=self._said(error.verify_message, password),
                    ),
                    sentence("name the certificate of who signed it: ca_file"),
                ) from None
            case ssl.SSLError():
                raise SendError(
                    sentence(
                        "no encrypted line to {server} came about: {why}",
                        server=server,
                        why=self._said(error.reason or str(error), password),
                    ),
                    sentence(
                        "see to its port, and to tls in [notify]: a port for STARTTLS is no port for TLS"
                    ),
                ) from None
            case smtplib.SMTPAuthenticationError():
                raise SendError(
                    sentence(
                        "{server} does not let {user} in: {code} {said}",
                        server=server,
                        user=printable(self._mail.user),
                        code=str(error.smtp_code),
                        said=self._said(error.smtp_error, password),
                    ),
                    sentence("see to user and password_file in [notify]"),
                ) from None
            case smtplib.SMTPRecipientsRefused():
                address, (code, said) = next(iter(error.recipients.items()))
                raise SendError(
                    sentence(
                        "{server} refused all who were to get it; {address}: {code} {said}",
                        server=server,
                        address=address,
                        code=str(code),
                        said=self._said(said, password),
                    )
                ) from None
            case smtplib.SMTPResponseException():
                raise SendError(
                    sentence(
                        "{server} refused: {code} {said}",
                        server=server,
                        code=str(error.smtp_code),
                        said=self._said(error.smtp_error, password),
                    )
                ) from None
            case smtplib.SMTPServerDisconnected() if not isinstance(error.__context__, TimeoutError):
                raise SendError(sentence("{server} hung up in the middle", server=server)) from None
            case TimeoutError() | smtplib.SMTPServerDisconnected():
                raise SendError(
                    sentence(
                        "{server} did not answer within {seconds} s", server=server, seconds=int(SECONDS)
                    )
                ) from None
        why = getattr(error, "strerror", None) or error
        raise SendError(
            sentence(
                "{server} could not be used: {error}", server=server, error=self._said(str(why), password)
            )
        ) from None


class _PlainError(ValueError):
    """A password would go over a line that anybody can read."""


class _NoTlsError(ValueError):
    """Encryption was asked for, and is not offered."""


class _Session:
    """A connection, encrypted and logged in as far as the configuration says."""

    def __init__(self, mail: Mail, password: Secret | None) -> None:
        self._mail = mail
        self._password = password

    def __enter__(self) -> smtplib.SMTP:
        mail = self._mail
        # Named, because smtplib would ask the name servers how this machine is called.
        name = socket.gethostname() or "localhost"
        if mail.tls == "tls" or (mail.tls is None and mail.port == TLS_PORT):
            self._server: smtplib.SMTP = smtplib.SMTP_SSL(
                mail.host, mail.port, name, timeout=SECONDS, context=self._context()
            )
        else:
            self._server = smtplib.SMTP(mail.host, mail.port, name, timeout=SECONDS)
        try:
            self._prepare(encrypted=isinstance(self._server, smtplib.SMTP_SSL))
        except BaseException:
            self._server.close()
            raise
        return self._server

    def _prepare(self, *, encrypted: bool) -> None:
        mail, server = self._mail, self._server
        server.ehlo_or_helo_if_needed()
        if not encrypted and mail.tls != "none":
            if server.has_extn("starttls"):
                server.starttls(context=self._context())
                server.ehlo()
                encrypted = True
            elif mail.tls == "starttls":
                raise _NoTlsError
        if self._password:
            if not encrypted and mail.tls != "none":
                raise _PlainError
            server.login(mail.user, self._password.reveal())

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._mail.ca_file) if self._mail.ca_file else None)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            with suppress(smtplib.SMTPException, OSError):  # the mail is taken by now
                self._server.quit()
        self._server.close()
