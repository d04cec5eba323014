"""`kill -9` before and after every object of a copy, at every kind of place: the next copy goes on from there.

One copy is killed at each of its objects in turn: every attempt stores one object, and is killed at the next one. So
as many attempts as there are objects meet them all.
"""

import contextlib
import itertools
import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.compared import differences
from tests.acceptance.conftest import make_application
from tests.acceptance.site import Site
from tests.killing import killing_library
from tests.stores import servers
from tests.stores.http_line import HttpLine, Request
from tests.stores.servers import KEY, SECRET, Store
from tests.stores.sftp_host import sftp_host
from tuibackup.demo.sshd import PrivateSshd

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

Objects = Callable[[], dict[str, bytes]]  # everything in the place that is no draft


@dataclass
class World:
    """A site with one snapshot of a few files, and a key that opens what is encrypted."""

    site: Site
    application: Path
    identity: Path
    recipient: str
    numbers: Iterator[int]

    def place(self, lines: str, *, sealed: bool) -> str:
        """Let the one copy be that of these lines; its name."""
        name = f"copy{next(self.numbers)}"
        encrypt = f'encrypt_to = ["{self.recipient}"]\n' if sealed else ""
        self.site.settings = (
            f'[drill]\nfolder = "{self.site.folder}/drills"\n[copies.{name}]\n{lines}\n{encrypt}'
        )
        self.site.write_config()
        return name

    def kill(self) -> None:
        """SIGKILL to everything that this site's user runs."""
        mine = f"HOME={self.site.home}".encode()
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mine in (path / "environ").read_bytes().split(b"\0"):
                    os.kill(int(path.name), signal.SIGKILL)

    def require_done(self, copy: str, objects: Objects, folder: Path, *, sealed: bool) -> None:
        """Everything is there, nothing else is, and it comes back."""
        [state] = self.site.tuibackup("copies", "--json").json
        assert (state["copy"], state["snapshots"], state["missing"]) == (copy, 1, [])
        assert state["strays"] == {"objects": 0, "bytes": 0}
        there, named = objects(), set()
        for manifest in manifests(there):
            named |= {one["key"] for one in manifest["objects"]}
        rest = {key for key in there.keys() - named if not key.endswith(".manifest.json")}
        odd = {
            key
            for key in rest
            if not key.startswith(("ledger/", "tuibackup-copy.toml", "tuibackup-vault.toml"))
        }
        assert not odd, "orphans"
        words = ["--from", copy, *(["--identity", str(self.identity)] if sealed else [])]
        said = self.site.tuibackup("verify", *words)
        assert said.code == 0, said.err
        said = self.site.tuibackup("restore", "siakad/files/latest", "--to", str(folder / "back"), *words)
        assert said.code == 0, said.err
        assert not differences(self.application, folder / "back" / self.application.relative_to("/"))


def manifests(there: dict[str, bytes]) -> list[dict[str, Any]]:
    return [json.loads(there[key]) for key in there if key.endswith(".manifest.json")]


def require_no_false_copy(objects: Objects, at: str) -> None:
    """A manifest is there only with all that it names."""
    there = objects()
    for manifest in manifests(there):
        for one in manifest["objects"]:
            assert len(there.get(one["key"], b"")) == one["size"], f"killed at {at}: {one['key']}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    import pyrage

    folder = tmp_path_factory.mktemp("killed")
    key = pyrage.x25519.Identity.generate()
    identity = folder / "identity.txt"
    identity.write_text(f"{key}\n")
    identity.chmod(0o600)
    application = make_application(folder)
    with PrivateSshd(folder / "sshd") as sshd:
        (folder / "drills").mkdir(mode=0o700)
        site = Site(folder)
        site.add("siakad", sshd, [application])
        assert site.tuibackup("run", "siakad").code == 0
        yield World(site, application, identity, str(key.to_public()), itertools.count(1))


def chain(world: World, strike: Callable[[int], str], objects: Objects, first: int) -> int:
    """Copy, killed at object `first` of each attempt, until all is there; how many were killed.

    `strike(number)` copies, to be killed at that object (0: never); it tells which that was, "" if it came to the end.
    The ledger grows by every death, and so do its pieces in the copy: three deaths after the manifest are enough.
    """
    number, before, after = first, 0, 0
    for killed in itertools.count():
        assert killed < 100
        at = strike(number if after < 3 else 0)
        if not at:
            return killed
        require_no_false_copy(objects, at)
        there = objects()
        after += bool(manifests(there))
        number = first if len(there) > before else number + 1  # it would be killed there for ever
        before = len(there)
    raise AssertionError


STORES = [
    ("moto", "before", True),
    ("nanio", "after", True),
    ("azurite", "before", False),
]


@pytest.mark.parametrize(("kind", "when", "sealed"), STORES)
def test_an_object_store(kind: str, when: str, sealed: bool, world: World, tmp_path: Path) -> None:
    import obstore
    from obstore.store import AzureStore, S3Store

    if kind == "azurite" and not servers.AZURITE.exists():
        pytest.skip("scripts/fetch-azurite puts Azure's stand-in into .cache")
    with getattr(servers, kind)(tmp_path / kind) as store, HttpLine(store.port) as line:
        options: Any = {"client_options": {"allow_http": True}}
        library: Any
        if kind == "azurite":
            servers.make_container(store, "tapes")
            library = AzureStore(
                "tapes",
                account_name=servers.AZURE_ACCOUNT,
                account_key=servers.AZURE_KEY,
                endpoint=store.endpoint,
                **options,
            )
        else:
            if kind == "moto":
                servers.make_bucket(store, "tapes")
            else:
                (store.folder / "tapes").mkdir()
            library = S3Store(
                "tapes",
                endpoint=store.endpoint,
                region="us-east-1",
                access_key_id=KEY,
                secret_access_key=SECRET,
                virtual_hosted_style_request=False,
                **options,
            )

        def objects() -> dict[str, bytes]:
            found = {}
            for one in obstore.list(library).collect():
                path = one["path"]
                if not path.startswith(".") and "/." not in path:  # the probe's, and what nanio is writing
                    found[path.replace("=", "%")] = bytes(obstore.get(library, path).bytes())
            return found

        copy = world.place(_of_store(store, line.port, kind, tmp_path), sealed=sealed)

        def strike(number: int) -> str:
            met: list[str] = []

            def hit(request: Request) -> None:
                if request.method == "PUT" and request.number == number:
                    met.append(request.path)
                    world.kill()

            line.fail()
            setattr(line, when, hit)
            said = world.site.tuibackup("copy")
            setattr(line, when, lambda request: None)
            assert met or said.code == 0, said.err
            return met[0] if met else ""

        killed = chain(world, strike, objects, 2 if when == "before" else 1)
        assert killed > 8
        world.require_done(copy, objects, tmp_path, sealed=sealed)


def _of_store(store: Store, port: int, kind: str, folder: Path) -> str:
    key = folder / "key"
    key.write_text(store.credentials)
    key.chmod(0o600)
    endpoint = store.endpoint.replace(f":{store.port}", f":{port}")
    scheme = "az" if kind == "azurite" else "s3"
    return f'to = "{scheme}://tapes"\nendpoint = "{endpoint}"\ncredentials_file = "{key}"'


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.mark.parametrize(("when", "sealed"), [("before", True), ("after", False)])
def test_another_host(when: str, sealed: bool, world: World, tmp_path: Path) -> None:
    place = tmp_path / "far"
    place.mkdir(mode=0o700)
    with sftp_host(tmp_path / "host") as host:
        world.site.trust(host)  # type: ignore[arg-type]
        lines = f'to = "sftp://{host.user}@{host.host}:{host.port}{place}"\nkey = "{host.client_key}"'
        copy = world.place(lines, sealed=sealed)

        def strike(number: int) -> str:
            met: list[str] = []
            count = itertools.count(1)

            def hit(name: str) -> None:
                if next(count) == number:
                    met.append(name)
                    world.kill()
                    if when == "before":
                        raise ConnectionError

            setattr(host, when, hit)
            said = world.site.tuibackup("copy")
            setattr(host, when, lambda name: None)
            assert met or said.code == 0, said.err
            return met[0] if met else ""

        killed = chain(world, strike, lambda: _files(place), 2 if when == "before" else 1)
        assert killed > 8
        world.require_done(copy, lambda: _files(place), tmp_path, sealed=sealed)


@pytest.mark.parametrize(("first", "sealed"), [(4, True), (5, False)])
def test_a_folder(first: int, sealed: bool, world: World, tmp_path: Path) -> None:
    """An object takes a sync, a rename and another sync there: killed at another one of them in each chain."""
    killing = killing_library(tmp_path)
    place = tmp_path / "usb"
    place.mkdir(mode=0o700)
    copy = world.place(f'to = "{place}"', sealed=sealed)

    def strike(number: int) -> str:
        said = world.site.tuibackup("copy", env=killing.environment(place, number))
        if said.code == 0:
            return ""
        assert len(killing.operations) == number, said.err
        return killing.operations[-1]

    killed = chain(world, strike, lambda: _files(place), first)
    assert killed > 7
    world.require_done(copy, lambda: _files(place), tmp_path, sealed=sealed)
