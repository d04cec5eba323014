"""3-2-1-1-0 per server: each part counts what there is, and says what is missing."""

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import Site
from tuibackup.demo.sshd import PrivateSshd


def rule(site: Site) -> dict[str, Any]:
    said = site.tuibackup("status", "--long", "--json")
    found: dict[str, Any] = said.json["3-2-1-1-0"]["siakad"]
    assert list(found) == ["copies", "media", "off-site", "immutable", "errors"]
    text = site.tuibackup("status", "--long").out
    for part in found.values():
        assert part["ok"] == (part["lacks"] is None)
        assert part["ok"] or part["lacks"] in " ".join(text.split()), text
    return found


def have(found: dict[str, Any]) -> list[int]:
    return [part["have"] for part in found.values()]


@pytest.mark.long
def test_it_grows_with_what_is_done_and_says_what_is_missing(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    site.add("siakad", sshd, [application])
    assert site.tuibackup("run", "siakad", "--only", "files").code == 0
    found = rule(site)
    assert have(found) == [2, 1, 0, 0, 0]
    assert found["copies"]["lacks"] == "no copy of [copies] takes this server"
    assert found["off-site"]["lacks"] == "no copy is marked off_site = true"
    assert "never read again: siakad/files/" in found["errors"]["lacks"]
    disk = site.folder / "disk"
    disk.mkdir(mode=0o700)
    site.settings = f'[copies.usb]\nto = "{disk}"\noff_site = true\n'
    site.write_config()
    assert rule(site)["copies"]["lacks"] == "the newest is not in usb yet"
    assert site.tuibackup("verify", "siakad").code == 0
    assert site.tuibackup("copy", "siakad", "--to", "usb").code == 0
    found = rule(site)
    assert have(found) == [3, 2, 1, 0, 0]
    assert [name for name, part in found.items() if not part["ok"]] == ["immutable"]
    assert found["immutable"]["lacks"] == "no copy lies where it cannot be deleted"
