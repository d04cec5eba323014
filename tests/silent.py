"""A backup disk that does not answer: a FUSE file system whose daemon takes every request and answers none.

So does an sshfs whose server stands still. Whoever touches it hangs, and cannot be killed before the daemon ends.
"""

import ctypes
import os
import select
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_LIBC = ctypes.CDLL(None, use_errno=True)
_INIT = 26
_DETACH = 2
_UNANSWERED = (2, 36, 42)  # FORGET, INTERRUPT, BATCH_FORGET


@contextmanager
def silent(folder: Path, error: int = 0) -> Iterator[None]:
    """For the block, `folder` is such a disk; with `error` it answers everything with that. Skips without mounting."""
    try:
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        pytest.skip(f"a silent disk is played by FUSE: {error}")
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    if _LIBC.mount(b"silent", os.fsencode(folder), b"fuse", 0, options.encode()) != 0:
        os.close(device)
        pytest.skip(f"a silent disk is played by FUSE, which cannot be mounted: {ctypes.get_errno()}")
    ended = threading.Event()
    taking = threading.Thread(target=_take, args=(device, ended, error))
    taking.start()
    try:
        yield
    finally:
        _LIBC.umount2(os.fsencode(folder), _DETACH)
        ended.set()
        taking.join()
        os.close(device)  # whoever hangs gets an error now


def _take(device: int, ended: threading.Event, error: int) -> None:
    """Answer the first request, which makes it a file system, and none that comes after it but with `error`."""
    while not ended.is_set():
        if not select.select([device], [], [], 0.05)[0]:
            continue
        try:
            _length, opcode, unique = struct.unpack_from("<IIQ", os.read(device, 1 << 20))
        except OSError:  # unmounted
            return
        if opcode == _INIT:
            answer = struct.pack("<IIIIHHI", 7, 31, 0, 0, 12, 10, 1 << 16) + bytes(40)
            os.write(device, struct.pack("<IiQ", 16 + len(answer), 0, unique) + answer)
        elif error and opcode not in _UNANSWERED:
            os.write(device, struct.pack("<IiQ", 16, -error, unique))
