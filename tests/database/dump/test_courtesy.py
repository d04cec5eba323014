"""Which tables a statement of ours reads, and who waits for them: nobody else's statement may be taken for ours."""

import pytest

from tuibackup.database.dump.courtesy import Statement


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("SELECT /*!40001 SQL_NO_CACHE */ `a`, `b` FROM `nota`", ["toko.nota"]),
        ("SELECT /*!40001 SQL_NO_CACHE */ CONCAT('(', `a`, ')') FROM `lain`.`no``ta`", ["lain.no`ta"]),
        ("CHECKSUM TABLE `toko`.`a`, `toko`.`b, c`, `lain`.`d`", ["toko.a", "toko.b, c", "lain.d"]),
        (
            "SELECT 0, COUNT(*) FROM `toko`.`a` UNION ALL SELECT 1, COUNT(*) FROM `lain`.`b` FOR SYSTEM_TIME ALL",
            ["toko.a", "lain.b"],
        ),
        ("SHOW CREATE TABLE `nota`", []),
    ],
)
def test_what_we_read_is_known(text: str, places: list[str]) -> None:
    assert [".".join(place) for place in Statement(1, "toko", text).reads()] == places


@pytest.mark.parametrize(
    ("database", "text", "wants"),
    [
        ("toko", "ALTER TABLE nota ADD COLUMN x INT", True),
        ("", "alter table `Toko`.`Nota` engine=InnoDB", True),
        ("", "DROP DATABASE toko", True),
        ("toko", "SELECT COUNT(*) FROM nota n JOIN lain.b", True),
        ("lain", "ALTER TABLE nota ADD COLUMN x INT", False),
        ("toko", "ALTER TABLE notaris ADD COLUMN x INT", False),
        ("toko", "DROP DATABASE lain", False),
        ("", "ALTER TABLE lain.nota ADD COLUMN x INT", False),
    ],
)
def test_who_waits_for_it_is_known(database: str, text: str, wants: bool) -> None:
    assert Statement(2, database, text).wants(("toko", "nota")) == wants
