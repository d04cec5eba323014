"""Names of owners come from the server: what is no name is no name."""

from tests.files.conftest import Bench
from tuibackup.files import owners


def test_only_lines_of_the_databases_are_names() -> None:
    answer = b"\n".join(
        [
            b"root:x:0:0:root:/root:/bin/bash",
            b"www-data:x:33:",
            b"again:x:33:",
            b"nonsense",
            b":x:5:",
            b"no\0name:x:6:",
            b"minus:x:-1:",
            b"plus:x:+1:",
            b"endless:x:" + b"9" * 40 + b":",
            b"n" * 2000 + b":x:7:",
            b"",
        ]
    )
    assert list(owners._parsed(answer)) == [(0, b"root"), (33, b"www-data"), (33, b"again")]


async def test_names_come_for_those_who_have_one(bench: Bench) -> None:
    server = bench.server(bench.place)
    async with bench.session(server) as session:
        many = range(4_000_000_000, 4_000_002_500)  # more than one command line asks for
        named = await owners.names_of(session, {0, 1, *many}, {0})
    assert named.of(0, 0) == (b"root", b"root")
    assert named.of(1, 4_000_000_000)[1] == b""
    assert set(named.users) == {0, 1}
