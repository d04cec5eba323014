"""A host without a UTF-8 locale, as jump hosts often are: no traceback, output that can be read, names stay whole."""

from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tuibackup.demo.sshd import PrivateSshd

NAME = "berkas ñ 学.txt"


@pytest.mark.parametrize("locale", ["C", pytest.param("POSIX", marks=pytest.mark.long)])
@pytest.mark.long
def test_everything_works_without_a_utf8_locale(
    site: Site, sshd: PrivateSshd, tmp_path: Path, locale: str
) -> None:
    source = tmp_path / "srv"
    source.mkdir()
    (source / NAME).write_text("isi\n")
    site.add("siakad", sshd, [source])
    plain = {"LC_ALL": locale, "LANG": locale}
    ran = site.tuibackup("run", "siakad", env=plain)
    assert ran.code == 0, ran.err
    assert " done " in ran.out
    shown = site.tuibackup("status", env={**plain, "PYTHONIOENCODING": "ascii"})
    assert shown.code == 0, shown.err
    assert "+  siakad  fresh" in shown.out, "where only ASCII may be printed a similar sign stands for each"
    target = tmp_path / "back"
    assert NAME in site.tuibackup("ls", "siakad/files/latest", str(source), env=plain).out
    back = site.tuibackup("restore", "siakad/files/latest", "--to", str(target), env=plain)
    assert back.code == 0, back.err
    assert Path(f"{target}{source}", NAME).read_text() == "isi\n"
