"""Folders to be backed up, and what is in them."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def application(folder: Path, files: int = 20) -> Path:
    """A small application folder."""
    (folder / "app").mkdir(parents=True)
    for number in range(files):
        (folder / "app" / f"file{number:03}.php").write_text(f"<?php // {number}\n" * 50)
    return folder


def deep(source: Path) -> None:
    """Files below more than 1,400 bytes of folders."""
    source.mkdir()
    here = os.getcwd()
    try:
        os.chdir(source)
        for depth in range(8):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
            if depth in (2, 6):
                Path("file").write_text(str(depth))
    finally:
        os.chdir(here)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """While in it, the file grows."""
    stop = threading.Event()

    def write() -> None:
        with path.open("a") as file:
            while not stop.wait(0.001):
                file.write("one more line\n")
                file.flush()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
