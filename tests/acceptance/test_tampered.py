"""Somebody may write in the vault, knows the formats, and makes every list and sum fit what he changed: a restore
writes nowhere but where it was told to, runs nothing, and verify finds it, because the ledger has the true list's sum.
"""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from tests.acceptance.site import Site
from tuibackup.demo.sshd import PrivateSshd

EVIL = b"written by the attacker\n"
Tamper = Callable[["Attack"], None]


class Attack:
    """A snapshot that may be written, and a place `outside` that no restore may touch."""

    def __init__(self, snapshot: Path, outside: Path, root: Path) -> None:
        self.snapshot, self.outside, self.root = snapshot, outside, root
        for place, _, names in os.walk(snapshot):
            os.chmod(place, 0o700)
            for name in names:
                os.chmod(os.path.join(place, name), 0o600)

    def sql(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.snapshot / "index.sqlite")) as db, db:
            assert db.execute(statement, values).rowcount != 0, statement

    def tar(self, name: str, members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:", format=tarfile.PAX_FORMAT) as tar:
            for member, content in members:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        (self.snapshot / name).write_bytes(zstandard.compress(packed.getvalue()))

    def archives(self, *names: str) -> None:
        """The script's list of archives, each with the names that it is to unpack."""
        lines = ""
        for number, name in enumerate(names, 1):
            with tarfile.open(
                fileobj=io.BytesIO(
                    zstandard.ZstdDecompressor()
                    .stream_reader(io.BytesIO((self.snapshot / name).read_bytes()))
                    .read()
                )
            ) as tar:
                listed = [member.name for member in tar]
            packed = zstandard.compress(b"".join(one.encode() + b"\0" for one in listed))
            (self.snapshot / f"restore/{number:03}.names.zst").write_bytes(packed)
            lines += f"{number:03} {len(listed)} {name}\n"
        (self.snapshot / "restore/archives").write_text(lines)

    def seal(self) -> None:
        """Make SHA256SUMS fit."""
        files = [
            path for path in sorted(self.snapshot.rglob("*")) if path.is_file() and path.name != "SHA256SUMS"
        ]
        lines = [
            f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.relative_to(self.snapshot)}\n"
            for one in files
        ]
        (self.snapshot / "SHA256SUMS").write_text("".join(lines))


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o755) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def file(name: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name), EVIL


def link(name: str, to: Path) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, tarfile.SYMTYPE, str(to)), b""


def folder(name: str, mode: int = 0o777) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, tarfile.DIRTYPE, mode=mode), b""


def name_leads_up(attack: Attack) -> None:
    attack.sql(
        "UPDATE entry SET name = ? WHERE CAST(name AS TEXT) = 'index.php'",
        b"../" * 30 + os.fsencode(attack.outside / "x")[1:],
    )


def root_leads_up(attack: Attack) -> None:
    up = b"/" + b"../" * 30 + os.fsencode(attack.outside)[1:]
    attack.sql("UPDATE entry SET name = ? WHERE parent < 0", up)
    attack.sql("UPDATE root SET folder = ?", up)


def folder_becomes_link(attack: Attack) -> None:
    """A name is a link and a folder at once: what lies below it would be written through the link."""
    attack.sql(
        "UPDATE entry SET kind = 'l', target = ? WHERE CAST(name AS TEXT) = 'uploads'",
        os.fsencode(attack.outside),
    )


def link_beside_its_folder(attack: Attack) -> None:
    """Two entries of one name: a folder with what lies in it, and a link."""
    attack.sql("DROP INDEX entry_by_name")
    attack.sql(
        "UPDATE entry SET name = 'uploads', target = ? WHERE CAST(name AS TEXT) = 'current'",
        os.fsencode(attack.outside),
    )


def archive_elsewhere(attack: Attack) -> None:
    secret = attack.outside.parent / "secret.tar.zst"
    shutil.copy(next(iter(attack.snapshot.glob("*.tar.zst"))), secret)
    attack.sql("UPDATE archive SET name = ?", "../" * 30 + str(secret)[1:])


def file_through_a_link_of_the_archive_before(attack: Attack) -> None:
    attack.tar("one.tar.zst", [link("a", attack.outside)])
    attack.tar("two.tar.zst", [file("a/x")])
    attack.archives("one.tar.zst", "two.tar.zst")


def file_through_a_link_of_its_own_archive(attack: Attack) -> None:
    attack.tar("one.tar.zst", [link("a", attack.outside), file("a/x")])
    attack.archives("one.tar.zst")


def hard_link_to_outside(attack: Attack) -> None:
    attack.tar("one.tar.zst", [(member("a", tarfile.LNKTYPE, str(attack.outside / "there")), b""), file("a")])
    attack.archives("one.tar.zst")


def absolute_and_upward_names(attack: Attack) -> None:
    attack.tar(
        "one.tar.zst", [file(str(attack.outside / "x")), file("../" * 30 + str(attack.outside / "y")[1:])]
    )
    attack.archives("one.tar.zst")


def options_among_the_names(attack: Attack) -> None:
    attack.tar(
        "one.tar.zst", [file("--to-command=touch x"), file("-P"), file("--checkpoint-action=exec=touch x")]
    )
    attack.archives("one.tar.zst")


def file_in_the_list_of_folders(attack: Attack) -> None:
    attack.tar("restore/links.tar.zst", [link("a", attack.outside)])
    attack.tar("restore/folders.tar.zst", [file("a/x")])


def folder_below_a_link(attack: Attack) -> None:
    attack.tar("restore/links.tar.zst", [link("a", attack.outside)])
    attack.tar("restore/folders.tar.zst", [folder("./a//there-too")])


def folder_below_a_link_by_another_way(attack: Attack) -> None:
    attack.tar("restore/links.tar.zst", [link("a", attack.outside)])
    attack.tar("restore/folders.tar.zst", [folder("b"), folder("b/../a/x")])


def file_in_the_list_of_links(attack: Attack) -> None:
    attack.tar("restore/links.tar.zst", [link("a", attack.outside), file("a/x")])


def link_within_a_link(attack: Attack) -> None:
    attack.tar(
        "restore/links.tar.zst", [link("b", Path("e")), link("e", attack.outside), link("b/x", Path("/etc"))]
    )


KINDS = [
    name_leads_up,
    root_leads_up,
    folder_becomes_link,
    link_beside_its_folder,
    archive_elsewhere,
    file_through_a_link_of_the_archive_before,
    file_through_a_link_of_its_own_archive,
    hard_link_to_outside,
    absolute_and_upward_names,
    options_among_the_names,
    file_in_the_list_of_folders,
    folder_below_a_link,
    folder_below_a_link_by_another_way,
    file_in_the_list_of_links,
    link_within_a_link,
]


# what got out of the folder before restore.sh looked for it, and the like
BY_SCRIPT = [
    file_through_a_link_of_the_archive_before,
    file_in_the_list_of_folders,
    folder_below_a_link,
    folder_below_a_link_by_another_way,
    link_within_a_link,
]


def seen(place: Path) -> list[tuple[str, int, int, bytes]]:
    """All that lies there, with its modes and contents."""
    found = [place, *sorted(place.rglob("*"))]
    return [
        (
            str(one),
            (status := one.lstat()).st_mode,
            status.st_nlink,
            one.read_bytes() if one.is_file() else b"",
        )
        for one in found
    ]


@pytest.mark.parametrize("half", [0, pytest.param(1, marks=pytest.mark.long)])
def test_nothing_is_written_outside_and_verify_finds_it(
    site: Site, sshd: PrivateSshd, application: Path, half: int
) -> None:
    site.add("siakad", sshd, [application])
    assert site.tuibackup("run", "siakad", "--only", "files").code == 0
    whole = site.folder / "whole"
    shutil.copytree(site.vault, whole, symlinks=True)
    for kind in KINDS if half else BY_SCRIPT:
        shutil.rmtree(site.vault)
        shutil.copytree(whole, site.vault, symlinks=True)
        outside = site.folder / "outside"
        shutil.rmtree(outside, ignore_errors=True)
        (outside / "there-too").mkdir(parents=True, mode=0o700)
        (outside / "there").write_text("of somebody else")
        before = seen(outside)
        (snapshot,) = site.snapshots("siakad", "files")
        attack = Attack(snapshot, outside, application)
        kind(attack)
        attack.seal()
        for way in ("program", "sh") if half else ("sh",):
            target = site.folder / f"to-{kind.__name__}-{way}"
            if way == "program":
                site.tuibackup("restore", f"siakad/files/{snapshot.name}", "--to", str(target))
            else:
                subprocess.run(
                    ["sh", snapshot / "restore.sh", target], cwd=site.home, capture_output=True, check=False
                )
            assert seen(outside) == before, f"{way}: {kind.__name__}"
            assert not (site.home / "x").exists()
        if half or kind is KINDS[-1]:
            said = site.tuibackup("verify", f"siakad/files/{snapshot.name}", "--json")
            assert said.code == 1, kind.__name__
            assert said.json[0]["record"] == "differs"
            assert "is not the list that was published" in said.json[0]["problems"][0]


@pytest.mark.long
def test_a_dump_list_leads_nowhere_else(site: Site, backed_up: object) -> None:
    """snapshot.json may name any file of the disk as a dump, and any name as its database."""
    backed_up.copy_to(site)  # type: ignore[attr-defined]
    (snapshot,) = site.snapshots("siakad", "databases")
    outside = site.folder / "outside"
    outside.mkdir()
    attack = Attack(snapshot, outside, outside)
    path = snapshot / "snapshot.json"
    old = path.read_text()
    for change in (
        {"file": "../../../../secret.sql.zst"},
        {"name": "../../outside/x"},
        {"file": "/etc/passwd"},
        {"file": "x'; touch y; '.sql.zst", "name": "$(touch y)"},
    ):
        document = json.loads(old)
        document["databases"][0].update(change)
        path.write_text(json.dumps(document))
        attack.seal()
        target = site.folder / "to"
        site.tuibackup("restore", f"siakad/databases/{snapshot.name}", "--to", str(target))
        assert list(outside.iterdir()) == []
        assert {one.parent for one in target.rglob("*")} <= {target}
        assert not list(site.home.glob("y"))
