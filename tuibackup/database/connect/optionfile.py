"""MySQL option files: reading the [client] part of one, and writing one that carries a password to a dump tool.

Source: MariaDB Knowledge Base, "Configuring MariaDB with Option Files".
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tuibackup.secret import Secret

_SPACES = " \t\n\v\f\r"
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "r": "\r", "\\": "\\", "s": " ", '"': '"', "'": "'"}


@dataclass(frozen=True, slots=True)
class Options:
    """How to log in to a database server. `tls`: it accepts the login only within TLS."""

    user: str = ""
    password: Secret | None = None
    socket: str | None = None
    host: str | None = None
    port: int | None = None
    tls: bool = False


def parse(text: str) -> Options:
    """The login options of [client], read as MariaDB's own programs do; everything else is left alone.

    Files that it includes are not read.
    """
    values: dict[str, str] = {}
    client = False
    for line in text.split("\n"):
        line = line.strip(_SPACES)
        if not line or line[0] in "#;!":
            continue
        if line.startswith("["):
            client = line[1:].partition("]")[0].rstrip(_SPACES) == "client"
        elif client:
            key, equals, value = _without_comment(line).partition("=")
            if equals:
                values[key.rstrip(_SPACES).replace("_", "-")] = _value(value.strip(_SPACES))
    port = values.get("port", "")
    return Options(
        user=values.get("user", ""),
        password=Secret(values["password"]) if values.get("password") else None,
        socket=values.get("socket") or None,
        host=values.get("host") or None,
        port=int(port) if port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536 else None,
    )


def _without_comment(line: str) -> str:
    """The line up to a `#` outside of quotes. A quote may begin anywhere, and only within one does `\\` escape."""
    quote, escaped = "", False
    for position, character in enumerate(line):
        if character in "'\"" and not escaped:
            quote = character if not quote else "" if quote == character else quote
        if not quote and character == "#":
            return line[:position]
        escaped = bool(quote) and character == "\\" and not escaped
    return line


def _value(text: str) -> str:
    """A value without the quotes around it, escapes resolved."""
    if len(text) > 1 and text[0] in "'\"" and text[0] == text[-1]:
        text = text[1:-1]
    result, rest = [], iter(text)
    for character in rest:
        if character != "\\":
            result.append(character)
            continue
        following = next(rest, "")
        result.append(_ESCAPES.get(following, "\\" + following))
    return "".join(result)


def text_for_tool(options: Options, tls: Sequence[str] = (), left_out: Sequence[str] = ()) -> bytes:
    """An option file for the server's own client programs, to be sent over stdin; holds the password.

    Values are quoted with `\\` and `"` escaped: so every password arrives as it is. `tls`: lines by which the program
    uses TLS, added where the login needs it; `left_out`: tables, as DATABASE.TABLE, that a dump program passes over.
    """
    lines = ["[client]", f"user={_quoted(options.user)}"]
    if options.password is not None:
        lines.append(f"password={_quoted(options.password.reveal())}")
    if options.socket:
        lines += [f"socket={_quoted(options.socket)}", "protocol=socket"]
    elif options.host:
        lines += [f"host={_quoted(options.host)}", f"port={options.port or 3306}", "protocol=tcp"]
    if options.tls:
        lines += tls
    if left_out:
        lines += ["[mysqldump]", *[f"ignore-table={_quoted(name)}" for name in left_out]]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
