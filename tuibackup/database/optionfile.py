"""MySQL option files: reading the [client] part of one, and writing one that carries a password to a dump tool.

Source: MariaDB Knowledge Base, "Configuring MariaDB with Option Files".
"""

from dataclasses import dataclass

from tuibackup.secret import Secret

_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "r": "\r", "\\": "\\", "s": " ", '"': '"', "'": "'"}


@dataclass(frozen=True, slots=True)
class Options:
    """How to log in to a database server."""

    user: str = ""
    password: Secret | None = None
    socket: str | None = None
    host: str | None = None
    port: int | None = None


def parse(text: str) -> Options:
    """The login options of [client]; everything else in the file is left alone."""
    values: dict[str, str] = {}
    client = False
    for line in text.splitlines():
        line = line.strip()
        if not line or line[0] in "#;!":
            continue
        if line.startswith("["):
            client = line.split("]")[0].lstrip("[").strip() == "client"
        elif client:
            key, equals, value = line.partition("=")
            if equals:
                values[key.strip().replace("_", "-").lower()] = _value(value.strip())
    port = values.get("port", "")
    return Options(
        user=values.get("user", ""),
        password=Secret(values["password"]) if values.get("password") else None,
        socket=values.get("socket") or None,
        host=values.get("host") or None,
        port=int(port) if port.isdigit() else None,
    )


def _value(text: str) -> str:
    """A value without its quotes and comment, escapes resolved."""
    if text[:1] in ("'", '"'):
        quote, end = text[0], len(text)
        for position in range(1, len(text)):
            if text[position] == quote and text[position - 1] != "\\":
                end = position
        text = text[1:end]
    else:
        text = text.partition(" #")[0].rstrip()
    result, rest = [], iter(text)
    for character in rest:
        if character != "\\":
            result.append(character)
            continue
        following = next(rest, "")
        result.append(_ESCAPES.get(following, "\\" + following))
    return "".join(result)


def text_for_tool(options: Options) -> bytes:
    """An option file for the server's own client programs, to be sent over stdin; holds the password.

    Values are quoted with `\\` and `"` escaped: so every password arrives as it is.
    """
    lines = ["[client]", f"user={_quoted(options.user)}"]
    if options.password is not None:
        lines.append(f"password={_quoted(options.password.reveal())}")
    if options.socket:
        lines += [f"socket={_quoted(options.socket)}", "protocol=socket"]
    elif options.host:
        lines += [f"host={_quoted(options.host)}", f"port={options.port or 3306}", "protocol=tcp"]
    return ("\n".join(lines) + "\n").encode()


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
