import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tuibackup.errors import BusyError
from tuibackup.run.locks import server_lock, slot, take_slot
from tuibackup.vault.layout import Vault


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    (tmp_path / "vault").mkdir()
    return Vault.open(tmp_path / "vault", tmp_path / "state")


def test_a_second_run_is_told_who_holds_the_server(vault: Vault) -> None:
    with server_lock(vault, "siakad", run="the-run", operator="andi"):
        with pytest.raises(BusyError) as caught, server_lock(vault, "siakad", run="other", operator="siti"):
            pass
        assert str(caught.value) == (
            "siakad is held by run the-run of andi; follow it: tuibackup follow the-run"
        )
        assert caught.value.exit_code == 11
        with server_lock(vault, "lms", run="other", operator="siti"):
            pass
    with server_lock(vault, "siakad", run="other", operator="siti"):
        pass


def test_a_lock_that_is_held_for_a_moment_only_is_waited_for(vault: Vault) -> None:
    """Another process records a dead run and sweeps what it left."""
    entered = threading.Event()

    def record() -> None:
        with server_lock(vault, "siakad", run="recovery", operator="recovery"):
            entered.set()
            time.sleep(0.3)

    with ThreadPoolExecutor() as pool:
        recording = pool.submit(record)
        assert entered.wait(60)
        with server_lock(vault, "siakad", run="next", operator="o"):
            assert recording.done() or recording.result(60) is None


def test_a_lock_ends_with_its_process_however_it_ends(vault: Vault) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tuibackup.run.locks import server_lock;"
        "from tuibackup.vault.layout import Vault; v = Vault.open(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "with server_lock(v, 'siakad', run='r', operator='o'): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(vault.path), str(vault.path.parent / "state")],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(BusyError), server_lock(vault, "siakad", run="other", operator="o"):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with server_lock(vault, "siakad", run="next", operator="o"):
        pass


async def test_slots_bind_so_many_and_the_next_waits(tmp_path: Path) -> None:
    one, two = take_slot(tmp_path, 2), take_slot(tmp_path, 2)
    assert one is not None
    assert two is not None
    assert take_slot(tmp_path, 2) is None
    assert take_slot(tmp_path, 2, kind="connect") is not None

    async def wait() -> float:
        async with slot(tmp_path, 2):
            return time.monotonic()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0.2)
    assert not waiting.done()
    os.close(one)
    await asyncio.wait_for(waiting, 60)
    again = take_slot(tmp_path, 2)
    assert again is not None, "the slot was given back"
    for descriptor in (two, again):
        os.close(descriptor)


async def test_waiting_for_a_slot_can_be_cancelled(tmp_path: Path) -> None:
    held = take_slot(tmp_path, 1)
    assert held is not None

    async def wait() -> None:
        async with slot(tmp_path, 1):
            pass

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    os.close(held)
    free = take_slot(tmp_path, 1)
    assert free is not None
    os.close(free)
