"""Sequences that have begun again, which no dump program tells."""

from tests.database.conftest import Collected, unpacked
from tuibackup.config import Server
from tuibackup.database.connect.login import login
from tuibackup.database.dump.dump import dump
from tuibackup.database.objects.sequences import standing
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.remote.probe import probe
from tuibackup.remote.session import Session
from tuibackup.vault.incoming import Incoming

MANY = "CREATE DATABASE urutan; USE urutan;" + "".join(
    f"CREATE SEQUENCE `s{number}` MAXVALUE 2 NOCACHE CYCLE;" for number in range(120)
)


async def test_only_those_that_have_begun_again_are_told_and_one_that_is_gone_hides_none(
    session: Session, server: Server, mariadbd: PrivateMariadb
) -> None:
    mariadbd.sql(
        MANY + "DO NEXTVAL(s7), NEXTVAL(s7), NEXTVAL(s7), NEXTVAL(s119), NEXTVAL(s119), NEXTVAL(s119)"
    )
    async with await login(session, server, None) as database:
        mariadbd.sql("DROP SEQUENCE urutan.s8")
        told = await standing(database, database.databases[0])
    assert told.count(b"DO SETVAL") == 2
    assert b"DO SETVAL(`s7`, 2, 0, 1);\n" in told
    assert b"DO SETVAL(`s119`, 2, 0, 1);\n" in told


async def test_they_go_on_where_they_stood_also_where_nobody_may_lock(
    session: Session, server: Server, mariadbd: PrivateMariadb, incoming: Incoming, reporter: Collected
) -> None:
    mariadbd.sql(
        "CREATE DATABASE urutan; USE urutan; CREATE SEQUENCE putar START WITH 3 MINVALUE 1 MAXVALUE 4 NOCACHE CYCLE;"
        "DO NEXTVAL(putar), NEXTVAL(putar), NEXTVAL(putar); CREATE TABLE t (i INT DEFAULT NEXTVAL(putar));"
        "CREATE VIEW v AS SELECT i FROM t; CREATE PROCEDURE p() SELECT 1"
    )
    where = "SELECT * FROM urutan.putar"
    before = mariadbd.sql(where)
    async with await login(session, server, None) as database:
        database.grants = ()
        result = await dump(session, await probe(session), database, server, incoming, reporter)
    assert result.no_barrier.startswith("the account lacks RELOAD; run: GRANT ")
    mariadbd.sql("DROP DATABASE urutan")
    sql = unpacked(incoming.path / "urutan.sql.zst")
    mariadbd.sql(sql)
    assert mariadbd.sql(where) == before
    assert sql.index(b"DO SETVAL") < sql.index(b"CREATE DEFINER") < sql.index(b"-- Dump completed")
