"""How databases are shared among programs: nothing is forgotten, nothing is dumped twice, and the load is balanced."""

from hypothesis import given
from hypothesis import strategies as st

from tuibackup.database.dump.division import Share, inexact, locked, shared, taken_by
from tuibackup.database.inventory import DatabaseInfo, TableInfo

MIB = 1 << 20
KINDS = st.sampled_from(["BASE TABLE", "BASE TABLE", "SEQUENCE", "SYSTEM VERSIONED"])
TABLES = st.builds(
    TableInfo,
    name=st.sampled_from([f"t{number}" for number in range(9)] + ["a b", "c`d", "é", "x%"]),
    kind=KINDS,
    engine=st.sampled_from(["InnoDB", "InnoDB", "MyISAM", "Aria", "MRG_MyISAM", ""]),
    rows=st.just(1),
    bytes=st.integers(0, 200 * MIB),
    floats=st.sampled_from([(), (), ("f",)]),
)
DATABASES = st.lists(
    st.builds(
        DatabaseInfo,
        name=st.text("abc", min_size=1, max_size=3),
        tables=st.lists(TABLES, max_size=12, unique_by=lambda table: table.name).map(tuple),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda info: info.name,
)


@given(databases=DATABASES, programs=st.integers(1, 4))
def test_every_table_is_taken_once_and_every_database_is_whole_in_one_share(
    databases: list[DatabaseInfo], programs: int
) -> None:
    aside = locked(databases)
    exact = inexact(databases, taken_by(aside))
    apart = taken_by([*aside, *exact])
    shares = shared(databases, apart, programs=programs)
    assert sorted(one.name for share in shares if share.whole for one in share.databases) == sorted(
        one.name for one in databases
    )
    taken = [(share.databases[0].name, name) for share in (*shares, *aside, *exact) for name in share.tables]
    for share in shares:
        for info in share.databases if share.whole else ():
            left_out = share.left_out.get(info.name, frozenset())
            taken += [(info.name, table.name) for table in info.tables if table.name not in left_out]
    assert sorted(taken) == sorted((one.name, table.name) for one in databases for table in one.tables)
    assert sum(share.whole for share in shares) <= programs
    assert len(shares) <= 3 * programs


def test_a_large_database_is_shared_evenly() -> None:
    tables = tuple(TableInfo(f"t{number}", "BASE TABLE", "InnoDB", 1, 50 * MIB) for number in range(12))
    small = [
        DatabaseInfo(f"u{number}", (TableInfo("x", "BASE TABLE", "InnoDB", 1, MIB),)) for number in range(30)
    ]
    shares = shared([DatabaseInfo("siakad", tables), *small], programs=3)
    assert sum(map(_weight, shares)) == 630 * MIB
    assert max(map(_weight, shares)) <= 260 * MIB
    assert len(shares) <= 5


def test_what_is_small_stays_together() -> None:
    small = [
        DatabaseInfo(f"u{number}", (TableInfo("x", "BASE TABLE", "InnoDB", 1, MIB),)) for number in range(30)
    ]
    shares = shared(small, programs=3)
    assert [len(share.databases) for share in shares] == [10, 10, 10]
    assert all(share.whole and not share.left_out for share in shares)


def test_only_little_is_read_while_everybody_waits() -> None:
    tables = tuple(TableInfo(f"t{number}", "BASE TABLE", "MyISAM", 1, MIB) for number in range(12))
    [share] = locked([DatabaseInfo("lama", tables)])
    assert len(share.tables) == 4


def _weight(share: Share) -> int:
    sizes = {table.name: table.bytes for info in share.databases for table in info.tables}
    if share.tables:
        return sum(sizes[name] for name in share.tables)
    return sum(
        table.bytes
        for info in share.databases
        for table in info.tables
        if table.name not in share.left_out.get(info.name, frozenset())
    )


def test_many_short_rows_are_more_work_than_their_bytes() -> None:
    tables = [TableInfo(f"t{number}", "BASE TABLE", "InnoDB", 1000, 50 * MIB) for number in range(3)]
    narrow = TableInfo("pendek", "BASE TABLE", "InnoDB", 1_300_000, 50 * MIB)
    shares = shared([DatabaseInfo("siakad", (*tables, narrow))], programs=2)
    assert [share.tables for share in shares if share.tables] == [("t0", "t1", "t2")]
