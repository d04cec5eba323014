"""Many random histories of a tree, each run of them restored: the engine in this process, to have many of them.

tests/acceptance/test_incremental.py does the same through the installed command.
"""

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.files.conftest import Bench
from tests.histories import EXCLUDES, Life, Seen, fingerprint, unequal
from tests.ticking import ticking_sshd
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.restore.files import restore_files
from tuibackup.vault.verify import verify


@pytest.fixture
def ticking(place: Path, vault: Vault) -> Iterator[Bench]:
    with ticking_sshd(place) as sshd:
        yield Bench(place, vault, sshd)


def by_script(snapshot: Snapshot, target: Path) -> None:
    subprocess.run(["sh", snapshot.path / "restore.sh", target], check=True, capture_output=True)


SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 60))]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.long
async def test_every_snapshot_restores_whatever_the_history(ticking: Bench, place: Path, seed: int) -> None:
    chance = random.Random(seed)
    life = Life(place, chance)
    snapshots: list[tuple[Snapshot, dict[Path, Seen]]] = []
    for _run in range(5 if seed == 1 else 12):
        for _edit in range(chance.choice([0, 3, 15, 40]) if snapshots else 0):
            life.edit()
        excludes = chance.choice(EXCLUDES)
        folders = chance.choice([life.tops, life.tops, life.tops[:1], life.tops[1:]])
        full = chance.random() < 0.1
        (place / "ahead").write_text("0" if chance.random() < 0.3 else "3")
        good = [one for one, _ in snapshots if one.good]
        expected = {top: fingerprint(top, excludes) for top in folders}
        life.told.append(f"RUN {len(snapshots)} of {folders} without {excludes}, {full=}")
        result, snapshot = await ticking.snapshot(
            ticking.server(*folders, exclude=excludes), previous=good[-1] if good else None, full=full
        )
        strange = [one for one in result.findings if "half" not in one.reason and "empty" not in one.reason]
        assert strange == [], "\n".join(life.told)
        snapshots.append((snapshot, expected))
    for number, (snapshot, expected) in enumerate(snapshots):
        assert verify(snapshot).problems == ()
        for way in ("program", "script"):
            target = place / f"restored-{way}-{number}"
            if way == "program":
                restore_files(snapshot, [], target)
            else:
                by_script(snapshot, target)
            for top, seen in expected.items():
                difference = unequal(seen, fingerprint(Path(f"{target}{top}")))
                if difference:
                    story = "\n".join(life.told)
                    pytest.fail(f"snapshot {number} by {way}:\n{difference}\n\n{story}")
            shutil.rmtree(target)
