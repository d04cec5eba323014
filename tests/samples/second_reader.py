"""A second reader of a vault and of a copy, written from docs/vault-format.md and docs/copy-format.md alone: Python's
standard library, zstandard, and for what is encrypted an implementation of age.

It shares no line with the program. Whoever has the page, and no tuibackup, can write as much in an hour.
"""

import hashlib
import hmac
import io
import json
import sqlite3
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard


@dataclass(frozen=True)
class Found:
    """A name in a files snapshot: its absolute path, `find`'s letter for its kind, and what a restore needs."""

    path: bytes
    kind: str
    mode: int
    mtime_ns: int
    target: bytes | None
    content: bytes | None


def unpacked(path: Path) -> bytes:
    with path.open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()


def proven(snapshot: Path) -> dict[str, Any]:
    """snapshot.json of a snapshot all of whose files, and older archives, have the hash of SHA256SUMS."""
    for line in (snapshot / "SHA256SUMS").read_text().splitlines():
        sha256, name = line.split("  ", 1)
        assert hashlib.sha256((snapshot / name).read_bytes()).hexdigest() == sha256, name
    told: dict[str, Any] = json.loads((snapshot / "snapshot.json").read_text())
    assert told["format"] == 1
    return told


def files(snapshot: Path) -> Iterator[Found]:
    """Every name in a files snapshot, in the order of the inventory."""
    proven(snapshot)
    with closing(sqlite3.connect(f"file:{snapshot}/index.sqlite?immutable=1", uri=True)) as db:
        assert db.execute("PRAGMA application_id").fetchone()[0] == 0x74756962
        assert db.execute("PRAGMA user_version").fetchone()[0] == 1
        archives = {
            number: unpacked(snapshot.parent / older / name if older else snapshot / name)
            for number, older, name in db.execute("SELECT id, snapshot, name FROM archive")
        }
        carriers = dict(db.execute("SELECT entry, carrier FROM hardlink"))
        contents = {
            row[0]: row[1:]
            for row in db.execute("SELECT entry, archive, offset, length, sha256 FROM content")
        }
        paths: dict[int, bytes] = {}
        rows = db.execute("SELECT id, parent, name, kind, mode, mtime_ns, target FROM entry ORDER BY id")
        for number, parent, name, kind, mode, mtime_ns, target in rows:
            paths[number] = name if parent < 0 else paths[parent].rstrip(b"/") + b"/" + name
            content = None
            if kind == "f":
                archive, offset, length, sha256 = contents[carriers.get(number, number)]
                content = archives[archive][offset : offset + length]
                assert hashlib.sha256(content).digest() == sha256, paths[number]
            yield Found(paths[number], kind, mode & 0o7777, mtime_ns, target, content)


def dumps(snapshot: Path) -> Iterator[tuple[str, bytes]]:
    """Each database's name and SQL, in the order of restoring."""
    for one in proven(snapshot)["databases"]:
        sql = unpacked(snapshot / one["file"])
        assert len(sql) == one["bytes"]
        assert sql.splitlines()[-1].startswith(b"-- Dump completed")
        yield one["name"], sql


def seek_table(archive: Path) -> list[tuple[int, int]]:
    """Packed and unpacked size of each frame, as the last bytes of an archive or dump tell them."""
    data = archive.read_bytes()
    number = int.from_bytes(data[-9:-5], "little")
    assert (data[-5], int.from_bytes(data[-4:], "little")) == (0, 0x8F92EAB1)
    table = data[-9 - 8 * number : -9]
    assert int.from_bytes(data[-9 - 8 * number - 8 :][:4], "little") == 0x184D2A5E
    sizes = [
        (int.from_bytes(table[at : at + 4], "little"), int.from_bytes(table[at + 4 : at + 8], "little"))
        for at in range(0, len(table), 8)
    ]
    whole = io.BytesIO(data)
    for packed, unpacked_size in sizes:
        assert len(zstandard.ZstdDecompressor().decompress(whole.read(packed))) == unpacked_size
    return sizes


def copied(
    place: Path, vault_id: str, decrypt: Callable[[bytes], bytes]
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Each snapshot of a copy: its name, and every file of the vault that it needs. `decrypt`: an object of age's."""
    identity = tomllib.loads((place / "tuibackup-copy.toml").read_text())
    assert identity["format"] == 1
    assert identity["vault"] == hashlib.sha256(vault_id.encode()).hexdigest()
    for path in sorted(place.rglob("*.manifest.json")):
        manifest = json.loads(path.read_text())
        assert (manifest["format"], manifest["copy"]) == (1, identity["id"])
        assert manifest["proof"] == _hmac(vault_id, _canonical({**manifest, "proof": ""}))
        objects = {}
        for one in manifest["objects"]:
            objects[one["key"]] = data = (place / one["key"]).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (one["size"], one["sha256"]), one["key"]
        spec = manifest["snapshot"]
        names = [(one["key"], one["file"]) for one in manifest["objects"]]
        if manifest["encrypted"]:
            objects = {key: decrypt(data) for key, data in objects.items()}
            first, *lines = objects[manifest["names"]].decode().splitlines()
            *words, spec, told = first.split(" ")
            assert (words, told) == (["#", "tuibackup", "names", "1"], vault_id)
            names = [(key, file) for key, file in (line.split(" ") for line in lines)]
            for key, file in names:
                tag = _hmac(vault_id, file.rpartition("/restore/")[0] or file.rpartition("/")[0])[:32]
                assert key.startswith(f"{tag}/{_hmac(vault_id, file)[:16]}-"), file
            assert path.name == f"{_hmac(vault_id, spec)[:32]}.manifest.json"
        else:
            assert path.relative_to(place).as_posix() == f"{spec}.manifest.json"
        files: dict[str, bytes] = {}
        for key, file in names:
            files[file] = files.get(file, b"") + objects[key]
        yield spec, files


def _hmac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _canonical(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def entries(place: Path, decrypt: Callable[[bytes], bytes]) -> list[dict[str, Any]]:
    """The entries of the ledger that a copy holds."""
    found: dict[int, dict[str, Any]] = {}
    for path in sorted((place / "ledger").glob("entries-*")):
        data = path.read_bytes()
        for line in (decrypt(data) if path.suffix == ".age" else data).splitlines():
            entry = json.loads(line)
            assert found.setdefault(entry["seq"], entry) == entry
    assert sorted(found) == list(range(1, len(found) + 1))
    return [found[number] for number in sorted(found)]
