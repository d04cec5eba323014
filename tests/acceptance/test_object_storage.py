"""Copies in object storage, through the installed command, against real stores over a line that does wrong."""

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.compared import differences
from tests.acceptance.site import Said, Site
from tests.acceptance.stored import Kept, kept
from tests.stores import servers
from tests.stores.http_line import Fault, HttpLine, Request, error
from tests.stores.servers import KEY, SECRET, Store

PLANTED = (KEY, SECRET, servers.AZURE_KEY)


@dataclass
class Stores:
    """Both stores, each behind a line, with an empty bucket "tapes"."""

    moto: Store
    nanio: Store
    lines: dict[str, HttpLine]
    numbers: Iterator[int]

    def fresh(
        self, kept: Kept, name: str, *, bucket: str = "tapes", credentials: str = "", more: str = ""
    ) -> str:
        """Let the copy go to a place that was never used; returns its prefix. Its line does nothing wrong."""
        prefix = f"run{next(self.numbers)}"
        self.lines[name].fail()
        store = self.moto if name == "moto" else self.nanio
        place = f"s3://{bucket}/{prefix}"
        kept.to(store, place, self.lines[name].port, credentials=credentials, more=more)
        kept.site.settings = kept.site.settings.replace("copies.kampus", f"copies.{prefix}")
        kept.site.write_config()
        return prefix


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    folder = tmp_path_factory.mktemp("stores")
    with (
        servers.moto(folder / "moto") as moto,
        servers.nanio(folder / "nanio") as nanio,
        HttpLine(moto.port) as before_moto,
        HttpLine(nanio.port) as before_nanio,
    ):
        servers.make_bucket(moto, "tapes")
        servers.make_bucket(moto, "locked", lock_days=120)
        (nanio.folder / "tapes").mkdir()
        yield Stores(moto, nanio, {"moto": before_moto, "nanio": before_nanio}, itertools.count(1))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    with kept(tmp_path_factory.mktemp("kept")) as made:
        yield made


def state_of(site: Site, copy: str) -> dict[str, object]:
    """What `copies --json` tells of a copy."""
    [found] = [one for one in site.tuibackup("copies", "--json").json if one["copy"] == copy]
    return dict(found)


def require_no_secret(site: Site, *said: Said) -> None:
    """No planted key in what was said, in a journal, a log, the ledger, or any other file of the state."""
    texts = {f"{number}: {one.out[:80]}": (one.out + one.err).encode() for number, one in enumerate(said)}
    texts |= {str(path): path.read_bytes() for path in site.state.rglob("*") if path.is_file()}
    with contextlib.closing(sqlite3.connect(site.state / "ledger.sqlite")) as ledger:
        texts["ledger"] = "\n".join(ledger.iterdump()).encode()
    for secret, (where, text) in itertools.product(PLANTED, texts.items()):
        assert secret.encode() not in text, f"{where} shows a secret"


def require_comes_back(site: Kept, copy: str, folder: Path, *words: str) -> None:
    """A fresh account that has only the configuration gets everything back."""
    fresh = site.fresh(f"fresh-{copy}")
    said = fresh.tuibackup(
        "restore", "siakad/files/latest", "--to", str(folder / copy), "--from", copy, *words
    )
    assert said.code == 0, said.err + said.out
    assert not differences(site.application, folder / copy / site.application.relative_to("/"))


@pytest.mark.long
def test_a_copy_in_object_storage_comes_back_on_a_fresh_machine(
    site: Kept, stores: Stores, tmp_path: Path
) -> None:
    copy = stores.fresh(site, "nanio")
    said = site.site.tuibackup("copy")
    assert said.code == 0, said.err
    again = site.site.tuibackup("copy", "--json")
    assert again.json == []
    checked = site.site.tuibackup("check", "--json")
    found = [one["detail"] for one in checked.json if one["check"] == "copy"]
    assert any("tuibackup looks before it writes" in one for one in found), checked.out
    assert any("nothing is locked" in one for one in found)
    state = state_of(site.site, copy)
    assert state["missing"] == []
    assert state["probe"]["enforces-create-only"] is False  # type: ignore[index]
    require_comes_back(site, copy, tmp_path)
    verified = site.site.tuibackup("verify", "--from", copy)
    assert verified.code == 0, verified.err
    require_no_secret(site.site, said, again, checked, verified)


@pytest.mark.long
def test_a_lock_is_proven_and_tells_to_when_copies_are_protected(site: Kept, stores: Stores) -> None:
    copy = stores.fresh(site, "moto", bucket="locked", more='lock = "120 days"')
    assert site.site.tuibackup("copy").code == 0
    state = state_of(site.site, copy)
    assert state["probe"]["lock"] == "kept"  # type: ignore[index]
    assert len(state["protected-until"]) == 2  # type: ignore[arg-type]
    assert "all protected until 20" in site.site.tuibackup("copies").out
    copy = stores.fresh(site, "moto", more='lock = "120 days"')
    assert site.site.tuibackup("copy").code == 0
    assert state_of(site.site, copy)["protected-until"] == {}
    assert "NOT LOCKED as lock = promises" in site.site.tuibackup("copies").out
    checked = site.site.tuibackup("check")
    assert "nothing is locked: whoever has the key can delete" in checked.out + checked.err
    assert checked.code in (1, 3)


@pytest.mark.long
@pytest.mark.parametrize(
    ("says", "name", "how"),
    [
        ("secret part of the key is wrong", "nanio", {"credentials": servers.s3_credentials(secret="wrong")}),
        ("does not accept this key", "nanio", {"credentials": servers.s3_credentials(key="NOBODY")}),
        ("there is no bucket of this name", "nanio", {"bucket": "nowhere"}),
        ("lacks a part of the key", "nanio", {"credentials": "access_key_id = a\n"}),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    site: Kept, stores: Stores, says: str, name: str, how: dict[str, str]
) -> None:
    copy = stores.fresh(site, name, **how)
    said = site.site.tuibackup("copy")
    assert said.code == 1
    assert says in said.err
    assert len(said.err.splitlines()) == 1
    state = state_of(site.site, copy)
    assert (state["snapshots"], len(state["missing"])) == (0, 2)  # type: ignore[arg-type]
    require_no_secret(site.site, said, site.site.tuibackup("check"), site.site.tuibackup("log"))


@pytest.mark.long
@pytest.mark.parametrize("name", ["moto", "nanio"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("answer", first=5, last=6),
        Fault("cut before", first=7, last=8),
        Fault("cut within", first=9, last=10),
        Fault("cut after", first=3, last=3),
        Fault("twice", first=12, last=12),
        Fault("delay", method="*", first=4, last=6, seconds=1),
        Fault("cut answer", method="GET", first=1, last=2),
        Fault("answer", first=13, last=13, answer=error(500, "InternalError")),
        Fault("answer", first=4, last=4, answer=error(409, "ConditionalRequestConflict")),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.first}",
)
def test_what_passes_is_overcome(site: Kept, stores: Stores, name: str, fault: Fault, tmp_path: Path) -> None:
    copy = stores.fresh(site, name)
    stores.lines[name].fail(fault)
    said = site.site.tuibackup("copy")
    assert stores.lines[name].met, "the fault was never met"
    assert said.code == 0, said.err
    assert state_of(site.site, copy)["missing"] == []
    require_comes_back(site, copy, tmp_path)
    assert site.site.tuibackup("verify", "--from", copy).code == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault("answer", first=6, last=999, answer=error(403, "QuotaExceeded")), "its quota is used up"),
        (Fault("answer", first=9, last=999), "the store is overloaded"),
        (Fault("answer", first=2, last=999, answer=error(403, "AccessDenied")), "no right to do this"),
        (Fault("flip sent", first=8, last=999), "on the way changes data"),
    ],
    ids=["quota", "503", "access", "flip"],
)
def test_what_stays_leaves_no_copy_and_goes_on_later(
    site: Kept, stores: Stores, fault: Fault, says: str, tmp_path: Path
) -> None:
    copy = stores.fresh(site, "nanio")
    stores.lines["nanio"].fail(fault)
    said = site.site.tuibackup("copy", timeout=300)
    assert said.code == 1, said.out
    assert says in said.err
    assert state_of(site.site, copy)["snapshots"] == 0
    refused = site.site.tuibackup(
        "restore", "siakad/files/latest", "--to", str(tmp_path / "x"), "--from", copy
    )
    assert refused.code != 0
    require_no_secret(site.site, said, refused)
    stores.lines["nanio"].fail()
    said = site.site.tuibackup("copy")
    assert said.code == 0, said.err
    require_comes_back(site, copy, tmp_path)


@pytest.mark.long
def test_what_lies_there_of_another_is_never_overwritten(site: Kept, stores: Stores) -> None:
    """On a store that would overwrite: an object of the name that comes next was put there by somebody else."""
    copy = stores.fresh(site, "nanio")
    planted: list[Path] = []

    def plant(request: Request) -> None:
        if request.method == "PUT" and request.path.endswith("SHA256SUMS") and not planted:
            place = stores.nanio.folder / request.path.lstrip("/").replace("%3D", "=")
            planted.append(place)

    stores.lines["nanio"].before = plant
    assert site.site.tuibackup("copy").code == 0
    stores.lines["nanio"].before = lambda request: None
    [sums] = planted
    relative = sums.relative_to(stores.nanio.folder / "tapes" / copy)
    copy = stores.fresh(site, "nanio")
    stores.lines["nanio"].after = lambda request: None

    def foreign(request: Request) -> None:
        place = stores.nanio.folder / "tapes" / copy / relative
        if request.method == "PUT" and not place.exists() and place.parent.is_dir():
            place.write_bytes(b"of another")

    stores.lines["nanio"].before = foreign
    said = site.site.tuibackup("copy")
    stores.lines["nanio"].before = lambda request: None
    assert said.code == 1
    assert "is something else; nothing was overwritten" in said.err
    assert (stores.nanio.folder / "tapes" / copy / relative).read_bytes() == b"of another"
    assert state_of(site.site, copy)["snapshots"] == 1  # the other one
