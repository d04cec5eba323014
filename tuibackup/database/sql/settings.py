"""Settings under which a dump means the same on every server: set after each dump's head, put back before its foot.

Dump programs set character set, time zone, checks of keys and sql_mode. Everything else is up to the server that is
restored into, and that may have anything: autocommit off (the last rows are lost), statements ended after a second,
transactions that only read, a ban on tables that the source allowed.
"""

_SETTINGS = (
    # The version since which a session may set it ("M!": MariaDB only; "": every server), its name, its value.
    ("", "autocommit", "1"),
    ("", "completion_type", "0"),
    ("", "sql_quote_show_create", "1"),  # a trigger stores its definer as SHOW would quote it now
    ("", "wait_timeout", "86400"),  # unpacking a large file may take long
    # MySQL accepts these only from accounts with all rights, which a restore needs anyway.
    ("50600", "innodb_strict_mode", "0"),
    ("80013", "sql_require_primary_key", "0"),
    ("80030", "sql_generate_invisible_primary_key", "0"),
    ("80400", "restrict_fk_on_non_standard_key", "0"),
    ("M!100101", "max_statement_time", "0"),
    ("M!100201", "check_constraint_checks", "0"),  # the source has rows that break a CHECK
    ("M!100307", "alter_algorithm", "DEFAULT"),
    ("M!100601", "old_mode", "'UTF8_IS_UTF8MB3'"),  # "utf8" means utf8mb3, as on the source
    # SHOW CREATE TABLE names the default of a TIMESTAMP; a TIMESTAMP without one must not get one.
    ("M!100804", "explicit_defaults_for_timestamp", "1"),
)
# A folder that DATA DIRECTORY names may not be there, or be another server's. Options of an engine that is not there
# stay with the table.
_MODES = "NO_DIR_IN_CREATE,IGNORE_BAD_TABLE_OPTIONS"
WRITING = b"/*!50600 SET SESSION TRANSACTION READ WRITE */;\n"


def before(division: int) -> bytes:
    """The statements behind the head; `division`: the source's div_precision_increment, for generated columns."""
    return (
        b"".join(
            _line(since, f"SET @TB_{name.upper()}=@@{name}, {name}={value}")
            for since, name, value in _with(division)
        )
        + _line("M!100002", f"SET @TB_SQL_MODE=@@sql_mode, sql_mode=CONCAT(@@sql_mode, ',{_MODES}')")
        + WRITING
    )


def after() -> bytes:
    """The statements before the foot."""
    return _line("M!100002", "SET sql_mode=@TB_SQL_MODE") + b"".join(
        _line(since, f"SET {name}=@TB_{name.upper()}") for since, name, _value in reversed(_with(0))
    )


def _with(division: int) -> tuple[tuple[str, str, str], ...]:
    return (*_SETTINGS, ("", "div_precision_increment", str(division)))


def _line(since: str, statement: str) -> bytes:
    if not since:
        return f"{statement};\n".encode()
    return f"/*{since if since.startswith('M') else '!' + since} {statement} */;\n".encode()
