"""The lines of a dump around the rows, in the form of mariadb-dump, so that one scanner reads both.

Everything is bytes: a routine is written in the character set in which it was created, with a SET that names it.
"""

import re
from dataclasses import dataclass
from datetime import datetime

_DEFINER = (
    rb"DEFINER=(?:`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|\w+)(?:@(?:`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|\S+))?"
)
# The definer of an object that was created while the server ran with --skip-grant-tables. No server accepts it; without
# a DEFINER the account that restores the object becomes its definer.
_NOBODY = re.compile(rb"\ACREATE ((?:ALGORITHM=\w+ )?)DEFINER=``(?:@``)? ")
_CREATE = re.compile(rb"CREATE (?:(" + _DEFINER + rb") )?(.*)\Z", re.DOTALL)
_CREATE_VIEW = re.compile(
    rb"CREATE (ALGORITHM=\w+) ((?:" + _DEFINER + rb" )?SQL SECURITY \w+) (VIEW .*)\Z", re.DOTALL
)
_SESSION = ("character_set_client", "character_set_results", "collation_connection")
_SAVED = ("@saved_cs_client", "@saved_cs_results", "@saved_col_connection")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The settings under which a stored program was created; under others it would mean something else."""

    charset: bytes
    collation: bytes
    sql_mode: bytes | None = None
    time_zone: bytes | None = None
    database_collation: bytes = b""


def head(version: str, database: bytes, *, mariadb: bool) -> bytes:
    """The beginning of a dump."""
    sandbox = b"/*M!999999\\- enable the sandbox mode */ \n" if mariadb else b""
    return b"".join(
        (
            sandbox,
            b"-- tuibackup native dump of ", _comment(database), b"\n--\n-- Server version\t",
            _comment(version.encode()), b"\n\n",
            *(line + b"\n" for line in _HEAD), b"\n",
        )
    )  # fmt: skip


def tail(now: datetime) -> bytes:
    """The end of a dump, by which a whole one is known."""
    lines = b"".join(line + b"\n" for line in _TAIL)
    return b"\n" + lines + b"\n-- Dump completed on " + now.strftime("%Y-%m-%d %H:%M:%S").encode() + b"\n"


_HEAD = (
    b"/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;",
    b"/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;",
    b"/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;",
    b"/*!40101 SET NAMES utf8mb4 */;",
    b"/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;",
    b"/*!40103 SET TIME_ZONE='+00:00' */;",
    b"/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;",
    b"/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;",
    b"/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;",
    b"/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;",
)
_TAIL = (
    b"/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;",  # the scanner knows the end by this line
    b"/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;",
    b"/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;",
    b"/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;",
    b"/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;",
    b"/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;",
    b"/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;",
    b"/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;",
)
# A table's section may stand in any dump or alone: so it sets what its rows need, and puts it back.
_SECTION = (
    b"SET @tb_names=@@character_set_client, @tb_results=@@character_set_results,"
    b" @tb_collation=@@collation_connection, @tb_zone=@@time_zone, @tb_mode=@@sql_mode, @tb_unique=@@unique_checks,"
    b" @tb_foreign=@@foreign_key_checks, @tb_notes=@@sql_notes;\n"
    b"SET NAMES utf8mb4, time_zone='+00:00', sql_mode='NO_AUTO_VALUE_ON_ZERO', unique_checks=0,"
    b" foreign_key_checks=0, sql_notes=0;\n"
    b"/*M!100201 SET @tb_checks=@@check_constraint_checks, check_constraint_checks=0 */;\n"
)
_SECTION_END = (
    b"/*M!100201 SET check_constraint_checks=@tb_checks */;\n"
    b"SET character_set_client=@tb_names, character_set_results=@tb_results, collation_connection=@tb_collation,"
    b" time_zone=@tb_zone, sql_mode=@tb_mode, unique_checks=@tb_unique, foreign_key_checks=@tb_foreign,"
    b" sql_notes=@tb_notes;\n"
)


def title(what: bytes, name: bytes) -> bytes:
    """The comment before a part: "-- Table structure for table `x`"."""
    return b"\n--\n-- " + what + b" " + _comment(name) + b"\n--\n\n"


def current(database: bytes, create: bytes = b"") -> bytes:
    """Use a database; `create`: the statement that creates it before."""
    made = create + b";\n\n" if create else b""
    return title(b"Current Database:", database) + made + b"USE " + database + b";\n"


def table(name: bytes, create: bytes, *, alone: bool) -> bytes:
    """A table's structure; `alone`: with the settings that its rows need, because it may stand in any dump."""
    return (
        title(b"Table structure for table", name)
        + (_SECTION if alone else b"") + b"DROP TABLE IF EXISTS " + name + b";\n" + create + b";\n"
    )  # fmt: skip


def table_end() -> bytes:
    """Put back the settings of a `table` that is `alone`."""
    return _SECTION_END


def data(name: bytes, *, history: bool) -> bytes:
    """The lines before the rows."""
    return (
        title(b"Dumping data for table", name)
        + (_HISTORY if history else b"")
        + b"SET @tb_autocommit=@@autocommit, autocommit=0;\n/*!40000 ALTER TABLE "
        + name
        + b" DISABLE KEYS */;\n"
    )


def data_end(name: bytes, *, history: bool) -> bytes:
    """The lines after the rows."""
    return (
        b"/*!40000 ALTER TABLE " + name + b" ENABLE KEYS */;\nCOMMIT;\nSET autocommit=@tb_autocommit;\n"
        + (_HISTORY_END if history else b"")
    )  # fmt: skip


def cut_off(name: bytes, rows: int) -> bytes:
    """The line where a damaged table's rows end too early."""
    return b"-- Table " + _comment(name) + b" is damaged: only its first %d rows could be read\n" % rows


_HISTORY = (
    b"/*M!101100 SET @tb_history=@@session.system_versioning_insert_history,"
    b" @@session.system_versioning_insert_history=1 */;\n"
)
_HISTORY_END = b"/*M!101100 SET @@session.system_versioning_insert_history=@tb_history */;\n"


def sequence(name: bytes, create: bytes, setval: bytes) -> bytes:
    """A sequence and its next value."""
    return (
        title(b"Sequence structure for", name)
        + b"DROP SEQUENCE IF EXISTS " + name + b";\n" + create + b";\n" + setval + b";\n"
    )  # fmt: skip


def standing(name: bytes, following: int, cycles: int) -> bytes:
    """Set the next value of a sequence that exists already."""
    setval = b"DO SETVAL(%s, %d, 0, %d);\n" % (name, following, cycles)
    return title(b"Sequence values for", name) + setval


def view(name: bytes, create: bytes, under: Circumstances) -> bytes:
    """The view itself."""
    create = _owned(create)
    if match := _CREATE_VIEW.match(create):
        algorithm, security, rest = match.groups()
        create = (
            b"/*!50001 CREATE " + algorithm + b" */\n/*!50013 " + security + b" */\n/*!50001 " + rest + b" */"
        )
    return (
        title(b"Final view structure for view", name)
        + b"/*!50001 DROP VIEW IF EXISTS " + name + b"*/;\n"
        + _within(under, create + b";\n")
    )  # fmt: skip


def trigger(create: bytes, under: Circumstances, database: bytes, own: bytes) -> bytes:
    """A trigger, after its table's rows. `own`: the database's collation, where `under` has another."""
    return _collated(under, database, own, _within(under, _body(b"50003", b"50017", create, b"\n*/;;\n")))


def event(name: bytes, create: bytes, under: Circumstances, database: bytes, own: bytes) -> bytes:
    """An event."""
    drop = b"/*!50106 DROP EVENT IF EXISTS " + name + b" */;\n"
    return _collated(
        under, database, own, _within(under, drop + _body(b"50106", b"50117", create, b"\n*/ ;;\n"))
    )


def routine(
    kind: bytes, name: bytes, create: bytes, under: Circumstances, database: bytes, own: bytes
) -> bytes:
    """A procedure, function, package or package body, as the server writes it."""
    # Within its own sql_mode: outside ORACLE's, DROP PACKAGE is no statement.
    drop = b"/*!50003 DROP " + kind + b" IF EXISTS " + name + b" */;\n"
    made = drop + b"DELIMITER ;;\n" + _owned(create) + b"\n;;\nDELIMITER ;\n"
    return _collated(under, database, own, _within(under, made))


def unreadable(what: bytes, name: bytes) -> bytes:
    """The comment in place of an object that the account may not read."""
    return b"-- not readable for this account: " + what + b" " + _comment(name) + b"\n"


def _owned(create: bytes) -> bytes:
    """`create` without an empty definer."""
    return _NOBODY.sub(rb"CREATE \1", create)


def _body(version: bytes, definer_version: bytes, create: bytes, end: bytes) -> bytes:
    """CREATE in the version comments that the tools write; the scanner looks for them."""
    match = _CREATE.match(_owned(create))
    if match is None:
        return b"DELIMITER ;;\n" + create + b"\n;;\nDELIMITER ;\n"
    definer = b" /*!" + definer_version + b" " + match[1] + b"*/" if match[1] else b""
    return (
        b"DELIMITER ;;\n/*!" + version + b" CREATE*/" + definer + b" /*!" + version + b" " + match[2] + b" " + end
        + b"DELIMITER ;\n"
    )  # fmt: skip


def _within(under: Circumstances, made: bytes) -> bytes:
    """`made`, with the settings under which it was created set before it and put back after it."""
    values = (under.charset, under.charset, under.collation)
    before = [
        b"SET %s = @@%s;\n" % (old.encode(), name.encode())
        for old, name in zip(_SAVED, _SESSION, strict=True)
    ]
    before += [
        b"SET %s = %s;\n" % (name.encode(), value) for name, value in zip(_SESSION, values, strict=True)
    ]
    after = [
        b"SET %s = %s;\n" % (name.encode(), old.encode()) for old, name in zip(_SAVED, _SESSION, strict=True)
    ]
    for name, value in ((b"sql_mode", under.sql_mode), (b"time_zone", under.time_zone)):
        if value is not None:
            before += [b"SET @saved_%s = @@%s;\n" % (name, name), b"SET %s = '%s';\n" % (name, value)]
            after.insert(0, b"SET %s = @saved_%s;\n" % (name, name))
    return b"".join((*before, made, *after))


def _collated(under: Circumstances, database: bytes, own: bytes, made: bytes) -> bytes:
    """`made`, with the database's collation changed meanwhile to the one it had when the object was created."""
    other = under.database_collation
    if not other or not own or other == own:
        return made
    change = b"ALTER DATABASE " + database + b" COLLATE %s;\n"
    return change % other + made + change % own


def _comment(name: bytes) -> bytes:
    """A name in a comment of one line."""
    return re.sub(rb"[\x00-\x1f\x7f]", b" ", name)
