"""The account that README and manual give to paste: with it nothing is missing in a dump, and nothing is said."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.database.conftest import Collected
from tuibackup.config import Server
from tuibackup.database.connect.login import login
from tuibackup.database.dump.dump import dump
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.remote.probe import probe
from tuibackup.remote.session import Session
from tuibackup.secret import Secret
from tuibackup.sop import Outcome
from tuibackup.vault.incoming import Incoming

PLACE = Path(__file__).parents[3]


@pytest.mark.parametrize("page", ["docs/manual.md"])
async def test_the_grant_to_paste_is_enough(
    page: str,
    objects: PrivateMariadb,
    session: Session,
    server: Server,
    incoming: Incoming,
    reporter: Collected,
) -> None:
    blocks = re.findall(r"```sql\n(.*?)```", (PLACE / page).read_text(), re.DOTALL)
    [script] = [block for block in blocks if "GRANT SELECT" in block]
    objects.sql(script)
    [user] = set(re.findall(r"(\w+)@localhost", script))
    # by a password instead of its socket: the tests' own account is not of that name
    objects.sql(f"ALTER USER {user}@localhost IDENTIFIED BY 'pass'")
    assert server.database is not None
    one = replace(server, database=replace(server.database, user=user))
    async with await login(session, one, Secret("pass")) as database:
        result = await dump(session, await probe(session), database, one, incoming, reporter)
    assert (reporter.findings, result.outcome, result.whole) == ([], Outcome.DONE, True)
