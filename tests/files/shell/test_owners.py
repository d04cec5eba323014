"""Names of owners come from the server: what is no name is no name."""

from pathlib import Path

import pytest

from tests.files.conftest import Bench
from tuibackup.files.shell import owners
from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.index import intake
from tuibackup.vault.index.write import IndexWriter


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


async def test_owners_are_named_in_rounds(bench: Bench, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may invent millions of them: they are not held at once."""
    monkeypatch.setattr(intake, "OWNERS", 2)
    with IndexWriter(place / "index.sqlite") as index:
        root = index.add_root(b"/x", b"/x")
        index.add(root, [Entry(b"", Kind.FOLDER, 0o755, 0, 0, b"", b"", 0, 0)])
        index.add(
            root,
            [
                Entry(b"%d" % uid, Kind.FILE, 0o644, uid, 1, b"", b"", 0, 0)
                for uid in (4_000_000_000, 1, 2, 3)
            ],
        )
        async with bench.session(bench.server(place)) as session:
            await owners.name_owners(session, index)
        named = {wanted.entry.uid: (wanted.entry.user, wanted.entry.group) for wanted in index.wanted()}
    assert named == {
        1: (b"daemon", b"daemon"),
        2: (b"bin", b"daemon"),
        3: (b"sys", b"daemon"),
        4_000_000_000: (b"", b"daemon"),
    }
