"""Option files are read and written as MariaDB's own programs do, whatever is in them."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuibackup.database.connect.optionfile import Options, parse, text_for_tool
from tuibackup.secret import Secret

LINES = st.text(st.sampled_from("abc'\"\\#; =nts\t!é"), max_size=14)


def theirs(text: bytes) -> dict[str, str]:
    """What my_print_defaults reads of [client]."""
    done = subprocess.run(
        ["my_print_defaults", "--defaults-file=/dev/stdin", "client"],
        input=text, capture_output=True, timeout=10, check=True,
    )  # fmt: skip
    return {
        key: value
        for line in done.stdout.decode().split("\n--")
        for key, equals, value in [line.removeprefix("--").removesuffix("\n").partition("=")]
        if equals
    }


@given(LINES)
def test_passwords_are_read_as_mariadb_reads_them(value: str) -> None:
    text = f"[client]\nuser = x\npassword = {value}\n"
    found = parse(text)
    assert (found.password.reveal() if found.password else "") == theirs(text.encode()).get("password", "")


@pytest.mark.parametrize(
    "text",
    [
        "[mysqld]\nuser=a\n[client]\nuser=b\n[mysqldump]\nuser=c\n",
        "[client]\r\nuser=b\r\npassword=x\r\n",
        "[client ]\nuser = b # c\n",
        "  [client]  # comment\n  user   =   b  \n",
        "[ client]\nuser=b\n",
        "[client-server]\nuser=c\n[client]\nuser=b\n",
        "[client]\n#user=a\n;user=a\nuser=b\nno-equals\n",
        '[client]\nuser=\'b\' # who\npassword="a\\"b\\\\c\\s#"\n',
        "[client]\nuser=b\nuser=c\n",
        "[client]\nuser=b\n[client]\npassword=c\n",
        '[client]\nuser="b\npassword=c"\n',
        "[client]\nuser=\npassword=\n",
        "[client]\nuser==b=\n",
        "[client]\nuser=b\u2028c\x1cd\n",
    ],
)
def test_files_are_read_as_mariadb_reads_them(text: str) -> None:
    found, expected = parse(text), theirs(text.encode())
    assert found.user == expected.get("user", "")
    assert (found.password.reveal() if found.password else "") == expected.get("password", "")


def test_includes_are_left_alone_and_ports_are_numbers() -> None:
    found = parse("!include /etc/passwd\n!includedir /etc\n[client]\nhost=db\nport=3307\nsocket=/s\n")
    assert found == Options(host="db", port=3307, socket="/s")
    for port in ("x", "0", "-1", "99999", "٣", "9" * 5000):
        assert parse(f"[client]\nport={port}\n").port is None


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=30))
def test_what_is_written_is_read_back(password: str) -> None:
    assert parse(text_for_tool(Options("us er", Secret(password))).decode()) == Options(
        "us er", Secret(password)
    )


@pytest.mark.parametrize(
    "password", ['"', "'", "\\", "\\n", "a\nb\rc\t", "#;[x]", " lead and trail ", "=!", "é\u2028", "\x1c"]
)
def test_what_is_written_mariadb_reads(password: str) -> None:
    options = Options("us'er", Secret(password), socket="/run/a b/my.sock")
    read = theirs(text_for_tool(options))
    assert read == {"user": "us'er", "password": password, "socket": "/run/a b/my.sock", "protocol": "socket"}


def test_a_password_that_is_no_utf_8_stays_as_it_is() -> None:
    text = b"[client]\npassword=p\xe4ss\n".decode("utf-8", "surrogateescape")
    assert b'password="p\xe4ss"' in text_for_tool(parse(text))


def test_the_password_is_not_in_the_repr() -> None:
    assert "planted" not in repr(parse("[client]\npassword=planted\n"))
