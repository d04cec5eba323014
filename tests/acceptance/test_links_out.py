"""A link that leads out of the folders: what lies there is not in the backup. That is said once, and is no error."""

import pytest

from tests.acceptance.site import Site
from tuibackup.demo.sshd import PrivateSshd


@pytest.mark.parametrize(
    "sftp", [pytest.param(False, id="shell"), pytest.param(True, id="sftp", marks=pytest.mark.long)]
)
@pytest.mark.long
def test_what_links_lead_to_is_named_once(site: Site, sftp: bool) -> None:
    srv = site.folder / "srv"
    app, shared, other = srv / "app", srv / "shared/storage", srv / "other"
    for folder in (app / "sub", shared, other):
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
    for number in range(50):
        (app / f"link-{number}").symlink_to("../shared/storage")
    (app / "sub/in").symlink_to("../file")
    (app / "absolute-in").symlink_to(app / "sub")
    (app / "to-other").symlink_to(other)  # another folder of the configuration
    (app / "chain").symlink_to("link-1")
    (srv / "back").symlink_to("app/sub")
    (app / "out-and-in").symlink_to("../back")
    with PrivateSshd(site.folder / "sshd", force_command="internal-sftp" if sftp else None) as sshd:
        site.add("s", sshd, [app, other])
        said = site.tuibackup("run", "s", "--json")
        dry = site.tuibackup("run", "s", "--dry-run")
        checked = site.tuibackup("check", "s")
    assert said.code == 0, said.out
    notes = [e["text"] for e in said.events if e["event"] == "run-note" and "backup:" in e["text"]]
    line = f"not in the backup: {shared}; links that lead there: 50, such as {app}/link-"
    assert len(notes) == 1, notes
    assert notes[0].startswith(line)
    assert line in dry.out + dry.err
    assert dry.code == 0
    assert f"not in the backup: {shared}" in checked.out
