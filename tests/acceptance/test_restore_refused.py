"""What a restore refuses, each in one line that says what is in the way and what to do, and nothing is restored."""

from pathlib import Path

from tests.acceptance.site import Site
from tuibackup.demo.sshd import PrivateSshd

FILES = "siakad/files/latest"


def refused(site: Site, code: int, *words: str) -> str:
    said = site.tuibackup("restore", FILES, *words)
    assert (said.code, said.out) == (code, ""), said
    (line,) = said.err.splitlines()
    return line


def test_a_target_that_can_be_no_folder_and_a_path_that_is_not_held(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "index.php").write_text("<?php\n")
    site.add("siakad", sshd, [folder])
    assert site.tuibackup("run", "siakad", "--only", "files").code == 0
    here = tmp_path / "here"
    here.mkdir()
    (here / "file").write_text("mine")
    (here / "nowhere").symlink_to("/nonexistent")
    way_out = "; restore into a folder that you may write to, or that can be made"
    for to, why in (
        (here / "file", f"{here}/file is there already, and is no folder"),
        (here / "file/below", f"{here}/file is there already, and is no folder"),
        (here / "nowhere", f"{here}/nowhere is there already, and is no folder"),
        (Path("/proc/tuibackup"), "/proc/tuibackup cannot be made: No such file or directory"),
        (here / ("x" * 300), "cannot be made: File name too long"),
    ):
        line = refused(site, 1, "--to", str(to))
        assert why in line, line
        assert line.endswith(way_out), line
    assert "--to names no folder" in refused(site, 2, "--to", "")
    for path in ("/no/such", f"{folder}x", f"{folder}/index.php/below"):
        line = refused(site, 2, str(folder), path, "--to", str(tmp_path / "new"))
        assert f" has no {path}; tuibackup ls siakad/files/" in line
    assert not (tmp_path / "new").exists()
    assert sorted(one.name for one in here.iterdir()) == ["file", "nowhere"]
    above = site.tuibackup("restore", FILES, str(tmp_path), "--to", str(tmp_path / "above"))
    assert above.code == 0, "a folder above the configured ones stands for them"
