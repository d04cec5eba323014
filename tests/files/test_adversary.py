"""Step 2 against a server that means no good, in one process: every lie ends in one clear line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adversary import Adversary, Made
from tests.files.conftest import Bench
from tests.lies import FOLDER, GOOD, LIES
from tuibackup.errors import TuibackupError
from tuibackup.remote import session
from tuibackup.vault.layout import Vault


@pytest.fixture(scope="module")
def adversary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adversary]:
    with Adversary(tmp_path_factory.mktemp("adversary")).serving() as serving:
        yield serving


@pytest.fixture
def against(place: Path, vault: Vault, adversary: Adversary, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(
        session, "_MOMENT", 0.0
    )  # before a server that failed is asked whether it is still there
    return Bench(place, vault, adversary)  # type: ignore[arg-type]  # it has all that is asked of an sshd


SLOW = (
    "a bomb for a listing",
    "a bomb behind the end",
)  # "a bomb in a header" is the quick one of their kind


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(lie, marks=pytest.mark.long) if lie in SLOW or number % 2 else lie
        for number, lie in enumerate(LIES)
    ],
)
async def test_a_lie_ends_the_step_in_one_clear_line(against: Bench, adversary: Adversary, lie: str) -> None:
    plays, words = LIES[lie]
    adversary.plays = Made(FOLDER, GOOD).plays(**plays)
    with pytest.raises(TuibackupError) as caught:
        await against.fetch(against.server(Path(FOLDER.decode())))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
