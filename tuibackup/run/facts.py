"""What a rebuild of the server needs to know, gathered at each run and kept beside its snapshots (`vault/facts.py`).

Whatever becomes of it, the run's outcome is that of its steps. It is done while the first of them asks what there is,
and awaited before anything is fetched: a server that allows few commands at a time has none to spare then.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tuibackup.errors import ConnectionLostError, DatabaseError, TuibackupError
from tuibackup.run.journal import events as ev
from tuibackup.run.process import crash
from tuibackup.run.state import Work
from tuibackup.text import printable, shorten
from tuibackup.vault.facts import Facts, Part
from tuibackup.words import sentence

if TYPE_CHECKING:
    from tuibackup.database.connect.login import DatabaseSession

_LIMIT_SECONDS = 15.0  # for all of it, whatever the network does
_DATABASE_SECONDS = 5.0
_LONGEST = 400
DATABASE = "database"
# Settings of a database server that a new one may need, too. All others stay there: some hold passwords.
_SETTINGS = (
    "version", "version_comment", "version_compile_os", "datadir", "socket", "port", "bind_address",
    "skip_name_resolve", "character_set_server", "collation_server", "sql_mode", "time_zone", "system_time_zone",
    "lower_case_table_names", "default_storage_engine", "event_scheduler", "max_connections", "max_allowed_packet",
    "max_user_connections", "wait_timeout", "interactive_timeout", "connect_timeout", "net_read_timeout",
    "net_write_timeout", "lock_wait_timeout", "innodb_buffer_pool_size", "innodb_log_file_size",
    "innodb_redo_log_capacity", "innodb_log_buffer_size", "innodb_file_per_table", "innodb_flush_log_at_trx_commit",
    "innodb_flush_method", "innodb_page_size", "innodb_strict_mode", "innodb_default_row_format",
    "innodb_io_capacity", "innodb_lock_wait_timeout", "innodb_ft_min_token_size", "ft_min_word_len",
    "key_buffer_size", "tmp_table_size", "max_heap_table_size", "sort_buffer_size", "join_buffer_size",
    "read_buffer_size", "read_rnd_buffer_size", "thread_cache_size", "thread_handling", "table_open_cache",
    "table_definition_cache", "open_files_limit", "query_cache_type", "query_cache_size", "query_cache_limit",
    "group_concat_max_len", "local_infile", "log_bin", "binlog_format", "log_bin_trust_function_creators",
    "expire_logs_days", "binlog_expire_logs_seconds", "sync_binlog", "server_id", "gtid_mode", "gtid_strict_mode",
    "gtid_domain_id", "read_only", "slow_query_log", "slow_query_log_file", "long_query_time", "log_error",
    "general_log", "tls_version", "require_secure_transport", "plugin_dir", "default_authentication_plugin",
    "authentication_policy", "explicit_defaults_for_timestamp", "performance_schema", "wsrep_on",
    "wsrep_cluster_name", "old_mode", "concurrent_insert", "secure_file_priv",
)  # fmt: skip
_PLUGINS = (
    "SELECT PLUGIN_NAME, PLUGIN_LIBRARY FROM information_schema.PLUGINS"
    " WHERE PLUGIN_STATUS = 'ACTIVE' AND PLUGIN_LIBRARY IS NOT NULL ORDER BY PLUGIN_NAME"
)


@asynccontextmanager
async def gathering(work: Work) -> AsyncIterator[None]:
    """Gather once in a run, what the connection tells, beside the block; `gathered` waits for it."""
    if work.facts is not None or not work.config.recover.facts:
        yield
        return
    work.facts = Facts(server=work.server.name, gathered=ev.now())
    task = work.gathering = asyncio.create_task(_gather(work))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def gathered(work: Work) -> None:
    """Wait until what was begun is gathered."""
    if work.gathering is not None:
        await asyncio.shield(work.gathering)


async def _gather(work: Work) -> None:
    """Raises nothing but cancellation."""
    try:
        from tuibackup.discover.facts import gather as gather_parts

        async with asyncio.timeout(_LIMIT_SECONDS):
            parts = await gather_parts(work.connected(), work.tools(), sudo=work.server.sudo)
        work.facts = Facts(server=work.server.name, gathered=ev.now(), parts=parts)
    except Exception as error:
        reason: object = error
        if isinstance(error, TimeoutError):
            reason = sentence("it took longer than {seconds} s", seconds=int(_LIMIT_SECONDS))
        elif not isinstance(error, TuibackupError):
            reason = crash.record(error, work.config.state)
        work.note(sentence("what a rebuild of the server needs was not looked at: {reason}", reason=reason))


async def of_database(work: Work, database: "DatabaseSession") -> None:
    """Add what the database of step 3 tells; raises ConnectionLostError, and nothing else."""
    await gathered(work)
    if work.facts is None:
        return
    lines: list[str] = []
    unread: list[str] = []
    for query, between in (
        (f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({', '.join(map(repr, _SETTINGS))})", " = "),
        (_PLUGINS, " plugin "),
    ):
        try:
            for one, other in await database.rows(query):
                lines.append(shorten(printable(f"{one}{between}{other}"), _LONGEST))
        except ConnectionLostError:
            raise
        except DatabaseError as error:
            unread.append(error.message)
    part = Part(name=DATABASE, lines=tuple(lines), unread=tuple(unread))
    parts = (*(one for one in work.facts.parts if one.name != DATABASE), part)
    work.facts = Facts(server=work.facts.server, gathered=work.facts.gathered, parts=parts)
