"""What machines ask: `status --nagios`, `metrics`, and the files in docs/ for Prometheus and Grafana."""

import json
import re
from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tuibackup.demo.sshd import PrivateSshd

DOCS = Path(__file__).parent.parent.parent / "docs"
_SAMPLE = re.compile(r'(tuibackup_[a-z_]+)(?:\{((?:[a-z]+="[^"\\\n]*",?)*)\})? (-?[0-9.]+)')


def samples(text: str) -> dict[tuple[str, str], float]:
    """What a textfile says, each line as Prometheus' rules want it."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            match = _SAMPLE.fullmatch(line)
            assert match, f"not as the text format wants it, or with a time of its own: {line!r}"
            found[match[1], match[2] or ""] = float(match[3])
    return found


def test_nagios_and_prometheus_see_what_status_shows(
    site: Site, sshd: PrivateSshd, application: Path, tmp_path: Path
) -> None:
    empty = site.tuibackup("status", "--nagios")
    assert (empty.code, empty.err) == (0, "")
    assert empty.out.startswith("OK - ")
    site.settings = '[sop]\nconnect_within = "2 seconds"\n'
    site.add("siakad", sshd, [application])
    never = site.tuibackup("status", "--nagios")
    assert never.code == 2
    assert never.out.startswith("CRITICAL - 1 never backed up")
    assert "never=1;0;0;0" in never.out.splitlines()[0].split(" | ")[1].split(" ")
    assert "\nsiakad: files never\n" in never.out
    assert site.tuibackup("run", "siakad").code == 0
    good = site.tuibackup("status", "--nagios")
    words, figures = good.out.splitlines()[0].split(" | ")
    assert (good.code, words) == (1, "WARNING - 1 drill overdue")
    assert all(
        re.fullmatch(r"[a-z]+=[0-9]+B?;[0-9]*;[0-9]*:?;0(;[0-9]+)?", one) for one in figures.split(" ")
    )

    said = site.tuibackup("metrics")
    assert (said.code, said.err) == (0, "")
    found = samples(said.out)
    assert found["tuibackup_servers", ""] == 1
    assert found["tuibackup_backup_never", 'server="siakad",clock="files"'] == 0
    assert found["tuibackup_last_run_done", 'server="siakad"'] == 1
    assert found["tuibackup_last_good_timestamp_seconds", 'server="siakad",clock="files"'] > 1.7e9
    assert len(said.out.splitlines()) == len(set(said.out.splitlines()))

    site.vault.rename(tmp_path / "gone")
    site.vault.mkdir()
    (site.vault / "other").mkdir()
    assert site.tuibackup("status", "--nagios").code in (2, 3), "the disk is not there"
    site.config.write_text("[nonsense]\n")
    broken = site.tuibackup("status", "--nagios")
    assert broken.code == 3, "Nagios would take 2 for CRITICAL, and its words are on stdout"
    assert broken.out.startswith("UNKNOWN - ")
    assert len(broken.out.splitlines()) == 1


@pytest.mark.parametrize("name", ["grafana-dashboard.json", "prometheus-alerts.yml"])
def test_every_metric_that_the_files_name_exists(name: str) -> None:
    from datetime import UTC, datetime

    from tuibackup.config import VaultSettings
    from tuibackup.overview.metrics import metrics
    from tuibackup.overview.picture import Picture

    picture = Picture(datetime.now(UTC))
    known = {metric.name for metric in metrics(picture, VaultSettings(Path("/")))}
    text = (DOCS / name).read_text()
    named = set(re.findall(r"\btuibackup_[a-z_]+", text))
    assert named
    assert named <= known
    if name.endswith(".json"):
        board = json.loads(text)
        assert all(target["expr"] for panel in board["panels"] for target in panel.get("targets", []))
    manual = (DOCS / "manual.md").read_text()
    assert not (known - set(re.findall(r"\btuibackup_[a-z_]+", manual))), "the manual tells what each is"
