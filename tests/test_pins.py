"""Some dependencies are pinned exactly, because their inner parts are relied on. Says in plain words when one changed.

Whoever takes a newer version reviews the file that is named beside each part, tries `scripts/test --long`, and then
writes what the test prints into `PARTS`.
"""

import ast
import hashlib
import importlib
import inspect
import textwrap
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tuibackup"

# Where a private part may be used at all; each of these files says why.
FENCES = {
    "asyncssh": {
        "remote/window.py",
        "remote/spared.py",
        "remote/connect/algorithms.py",
        "remote/connect/receiving.py",
    },
    "aiomysql": {"database/connect/connection.py"},
    "textual": {"tui/private.py"},
}

# module, part of it → (file that relies on it, sum of its source)
PARTS = {
    ("asyncssh.channel", "SSHChannel._deliver_data"): ("remote/window.py", "f5a54ee8d6573f56"),
    ("asyncssh.channel", "SSHChannel._accept_data"): ("remote/window.py", "36edffe7096fd6ce"),
    ("asyncssh.channel", "SSHChannel._process_data"): ("remote/window.py", "23990f8e9769ec1e"),
    ("asyncssh.channel", "SSHChannel._flush_recv_buf"): ("remote/window.py", "ae4ae8beb115acb4"),
    ("asyncssh.channel", "SSHChannel.resume_reading"): ("remote/window.py", "3c6be66ce0ca5e23"),
    ("asyncssh.connection", "SSHConnection.data_received"): (
        "remote/connect/receiving.py",
        "3d62ee24589968be",
    ),
    ("asyncssh.connection", "SSHConnection._recv_data"): ("remote/connect/receiving.py", "509a331c73f87839"),
    ("asyncssh.connection", "SSHConnection._recv_pkthdr"): (
        "remote/connect/receiving.py",
        "5ecb2508920beeef",
    ),
    ("asyncssh.connection", "SSHConnection._recv_packet"): (
        "remote/connect/receiving.py",
        "5049c9f32fdf6f06",
    ),
    ("asyncssh.connection", "SSHConnection._reset_keepalive_timer"): (
        "remote/connect/receiving.py",
        "6ff9d9b441ded775",
    ),
    ("asyncssh.encryption", "GCMEncryption"): ("remote/connect/receiving.py", "d255f9e6b1fa73ee"),
    ("asyncssh.crypto.cipher", "GCMCipher"): ("remote/connect/receiving.py", "e389d2b5bed8eb41"),
    ("asyncssh.connection", "_connect"): ("remote/connect/transport.py", "7d35aa724ce6fb89"),
    ("asyncssh.connection", "SSHConnection.connection_made"): (
        "remote/connect/transport.py",
        "0168c3dae068cb06",
    ),
    ("asyncssh.connection", "SSHConnection._recv_version"): (
        "remote/connect/transport.py",
        "25339e5283f72795",
    ),
    ("asyncssh.connection", "SSHClientConnection.public_key_auth_requested"): (
        "remote/connect/client.py",
        "51240dca375e9c2b",
    ),
    ("aiomysql.connection", "Connection._connect"): ("database/connect/connection.py", "945c2881e8c6e0db"),
    ("aiomysql.connection", "Connection._get_server_information"): (
        "database/connect/connection.py",
        "d87d902e72dae72f",
    ),
    ("aiomysql.connection", "Connection._request_authentication"): (
        "database/connect/connection.py",
        "14f2b9d9a32d53bf",
    ),
    ("aiomysql.connection", "Connection._process_auth"): (
        "database/connect/connection.py",
        "5fe4a324686a3053",
    ),
    ("aiomysql.connection", "Connection._read_packet"): (
        "database/connect/connection.py",
        "35104a8aedd3a4d3",
    ),
    ("aiomysql.connection", "Connection._read_bytes"): ("database/connect/connection.py", "424fac94963b9a2b"),
    ("aiomysql.connection", "Connection._write_bytes"): (
        "database/connect/connection.py",
        "f06ed89c8f7bd935",
    ),
    ("aiomysql.connection", "Connection._execute_command"): (
        "database/connect/connection.py",
        "b214780fa02fe88c",
    ),
    ("aiomysql.connection", "Connection.ensure_closed"): (
        "database/connect/connection.py",
        "041597512d24a499",
    ),
    ("aiomysql.cursors", "Cursor._show_warnings"): ("database/connect/connection.py", "bd53877881bbf39e"),
    ("textual.app", "App._fatal_error"): ("tui/private.py", "bf3dcc000252fdfd"),
    ("textual.app", "App._close_messages_no_wait"): ("tui/private.py", "5600a175cb98bebf"),
    ("textual.app", "App._display"): ("tui/private.py", "2dc2767da9031286"),
    ("textual._compositor", "Compositor.render_strips"): ("tui/private.py", "ba8f2dbb54c46fce"),
    ("textual._xterm_parser", "XTermParser.parse"): ("tui/private.py", "218709843b768d87"),
    ("textual.screen", "Screen._compositor_refresh"): ("tui/private.py", "55663d2f194daeb7"),
}


def test_the_pinned_versions_are_those_that_are_installed() -> None:
    """A part of this program was written for exactly these."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for name in ("asyncssh", "aiomysql", "PyMySQL", "textual"):
        (line,) = [one for one in wanted if one.lower().startswith(name.lower())]
        version = line.partition("==")[2]
        assert version, f"pyproject.toml does not pin {name} exactly: {line}"
        assert metadata.version(name) == version, (
            f"{name} {metadata.version(name)} is installed, not {version}"
        )
        for lock in ("run.lock", "dev.lock"):
            assert f"{name.lower()}=={version} " in (ROOT / "requirements" / lock).read_text(), lock


@pytest.mark.parametrize(("module", "name"), PARTS)
def test_a_part_that_we_rely_on_is_as_it_was(module: str, name: str) -> None:
    file, known = PARTS[module, name]
    part: object = importlib.import_module(module)
    for word in name.split("."):
        part = getattr(part, word, None)
    assert part is not None, f"{module}.{name} is gone: tuibackup/{file} relies on it"
    source = textwrap.dedent(inspect.getsource(part))  # type: ignore[arg-type]  # a function or class
    found = hashlib.sha256(source.encode()).hexdigest()[:16]
    assert found == known, (
        f"{module}.{name} has changed: review tuibackup/{file}, then write {found} here (was {known})"
    )


def test_the_state_that_we_touch_is_there() -> None:
    """What is set in a constructor has no source of its own to compare."""
    from aiomysql import Connection
    from asyncssh.channel import SSHChannel
    from textual.app import App

    for kind, names in (
        (SSHChannel, ("_recv_buf", "_recv_window", "_init_recv_window")),
        (
            Connection,
            ("_reader", "_writer", "_secure", "_next_seq_id", "client_flag", "server_status", "host_info"),
        ),
        (App, ("_filters", "_exception", "_batch_count", "_running")),
    ):
        source = inspect.getsource(inspect.getmodule(kind))  # type: ignore[arg-type]  # it has one
        for name in names:
            assert f"self.{name}" in source, f"{kind.__name__}.{name} is gone"


def test_private_parts_are_used_in_their_fences_only() -> None:
    """A file that imports one of these libraries reaches into nothing of theirs that begins with an underscore."""
    for path in PACKAGE.rglob("*.py"):
        name = str(path.relative_to(PACKAGE))
        tree = ast.parse(path.read_text())
        modules = {
            module.partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for module in (
                [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            )
        }
        for library, fences in FENCES.items():
            if library not in modules or name in fences:
                continue
            reached = [
                f"{name}:{node.lineno}: .{node.attr}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Attribute)
                and node.attr.startswith("_")
                and not node.attr.startswith("__")
                and not (
                    isinstance(node.value, ast.Name) and node.value.id in ("self", "cls", "client", "os")
                )
            ]
            assert not reached, f"a private part outside the fence for {library}: {reached}"
