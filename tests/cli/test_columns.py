"""Tables in any terminal: no line is longer than it, no two columns touch, and names are the last to be cut.

Once `status` wrapped in 80 columns, and in Indonesian the limit of a step stood against its detail.
"""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.acceptance.site import TUIBACKUP, Site
from tests.terminal import Terminal
from tests.tui.touching import TOUCHING
from tuibackup.cli.columns import GAP, Shape, fit, line
from tuibackup.cli.output import print_hanging
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.text import cells, wrap

LONG = "poltekkes-medan-jurusan-farmasi-sister07"
WIDTHS = (60, 80, 100, 120, 140, 200)
_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TEXTS = st.text(st.sampled_from("abc -/服务器é\u0301…√≤0123456789"), max_size=45).map(str.strip)


@given(st.data(), st.sampled_from(WIDTHS))
def test_whatever_stands_in_it_a_table_fits(data: st.DataObject, room: int) -> None:
    number = data.draw(st.integers(2, 8))
    row = st.lists(_TEXTS, min_size=number, max_size=number)
    heads, rows = data.draw(row), data.draw(st.lists(row, min_size=1, max_size=5))
    name = data.draw(st.integers(0, number - 2))
    spare = tuple(data.draw(st.permutations([one for one in range(number - 1) if one != name])))
    shape = Shape(name=name, remark=number - 1, spare=spare)
    widths = fit(heads, rows, room, shape)
    assert sum(widths.values()) + GAP * (len(widths) - 1) <= room
    longest = max(cells(one[name]) for one in rows)
    assert widths[name] >= min(longest, room), "a name is cut while something else is shown"
    for one in (heads, *rows):
        for column, text in line(one, widths, shape).items():
            assert cells(text) <= widths[column]


@given(_TEXTS, st.integers(2, 60))
def test_a_text_broken_into_lines_loses_nothing(text: str, width: int) -> None:
    pieces = wrap(text, width)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
    assert all(cells(piece) <= width for piece in pieces)


def test_a_word_longer_than_a_line_is_cut_and_nothing_put_between_its_pieces(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/srv/backup/siakad/files/2026-11-22T013000Z/var%2Fwww%2Fsiakad.tar.zst"
    assert "".join(wrap(f"▲ {path}", 20)) == f"▲ {path}"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for width in (26, 40, 60):
        monkeypatch.setattr("tuibackup.cli.output.terminal_width", lambda _stream, width=width: width)
        print_hanging("  √ configuration   ", f"{path}: 1 server")
        lines = capsys.readouterr().out.splitlines()
        assert all(cells(one) <= width for one in lines)
        assert path in "".join(one.strip() for one in lines)


@pytest.fixture
def site(tmp_path: Path, sshd: PrivateSshd) -> Site:
    """One server whose name is as long as they get, with a file whose name is longer than a line, backed up once."""
    made = Site(tmp_path / "site")
    www = tmp_path / "www"
    www.mkdir()
    (www / ("服务器" * 20 + "e\u0301.txt")).write_text("x")
    (www / "index.php").write_text("<?php\n")
    for name in (LONG, "dns1"):
        made.add(name, sshd, [www, tmp_path / "gone"])
    made.write_config()
    assert made.tuibackup("run", "--all").code == 3
    return made


@pytest.mark.long
@pytest.mark.parametrize("language", ["en", "id"])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_of_a_command_is_longer_than_the_terminal(site: Site, width: int, language: str) -> None:
    site.settings = f'language = "{language}"\n'
    site.write_config()
    folder = next(iter(site.config.read_text().split('folders = ["')[1:])).split('"')[0]
    snapshot = site.tuibackup("snapshots", LONG, "--json").json[0]["snapshot"]
    commands = [["status"], ["snapshots"], ["log"], ["ls", snapshot, folder], ["verify", LONG], ["check"]]
    commands += [["restore", snapshot, "--to", "back"]] * 2  # it is there already
    commands += [["run", "--dry-run", LONG], ["ls", f"{LONG}/files/" + "2026" * 30]]
    for words in [*commands, ["run", LONG], ["run", "--all"]]:
        with Terminal(
            [str(TUIBACKUP), *words], site.environment(), columns=width, rows=60, cwd=site.home
        ) as seat:
            seat.wait(60)
            text = _STYLE.sub("", re.sub("\r\n?", "\n", bytes(seat.raw).decode()))
        assert [one for one in text.split("\n") if cells(one) > width] == [], words
        if words[0] in ("status", "log") or (words[0] == "snapshots" and width > 72):
            assert LONG in text, f"{words}: the name is cut\n{text}"
        assert not re.search(r"\d:\d\d(ssh-|\d+ (files?|berkas))", text), "columns touch"
    with Terminal([str(TUIBACKUP)], site.environment(), columns=width, rows=40, cwd=site.home) as seat:
        # The last run has been read, where there is room to show it.
        seat.wait_for("SHA256:" if width >= 80 else "dns1")
        text = re.sub(r"SHA256:\S+", "", seat.text)  # has anything after digits
        row = re.search(rf"^\W*{LONG}", text, re.MULTILINE)  # of the servers, not of the log
        assert row or width < 82, f"the cockpit cuts the name\n{text}"
        assert not TOUCHING.search(text), f"the cockpit's columns touch\n{text}"
        seat.send("q")
        seat.wait()
