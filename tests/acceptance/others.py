"""What a run costs others: sessions of somebody else that do one statement over and over, and note their waits."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pymysql

PAUSE = 0.01  # seconds between two statements of one session


class Waits:
    """`longest`: seconds by statement, of those that have ended; `done`: how many have."""

    def __init__(self) -> None:
        self.longest: dict[str, float] = {}
        self.done: Counter[str] = Counter()

    def note(self, statement: str, seconds: float) -> None:
        self.done[statement] += 1
        self.longest[statement] = max(seconds, self.longest.get(statement, 0.0))

    @contextmanager
    def timed(self, statement: str) -> Iterator[None]:
        """Note how long the block takes."""
        began = time.monotonic()
        yield
        self.note(statement, time.monotonic() - began)

    @property
    def worst(self) -> float:
        return max(self.longest.values())

    def __str__(self) -> str:
        return ", ".join(f"{seconds:.2f} s: {what}" for what, seconds in self.longest.items())


@contextmanager
def others(socket: Path, statements: Sequence[str], user: str = "root") -> Iterator[Waits]:
    """While the block runs, each of `statements` is at work in a session of its own; how long they took."""
    waits, stop = Waits(), threading.Event()

    def work(statement: str) -> None:
        connection = pymysql.connect(unix_socket=str(socket), user=user, autocommit=True)
        with connection, connection.cursor() as cursor:
            while not stop.wait(PAUSE):
                began = time.monotonic()
                cursor.execute(statement)
                cursor.fetchall()
                waits.note(statement, time.monotonic() - began)

    threads = [threading.Thread(target=work, args=(one,)) for one in statements]
    for thread in threads:
        thread.start()
    try:
        yield waits
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def long_statement(socket: Path, statement: str, user: str = "root") -> Iterator[None]:
    """While the block runs, somebody's `statement` runs, and is ended at its end."""
    connection = pymysql.connect(unix_socket=str(socket), user=user, autocommit=True)
    number = connection.thread_id()

    def work() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
        except pymysql.err.MySQLError:  # it was ended
            pass

    thread = threading.Thread(target=work)
    thread.start()
    killer = pymysql.connect(unix_socket=str(socket), user=user, autocommit=True)
    with killer, killer.cursor() as cursor:
        while True:
            seen = f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = {number} AND INFO <> ''"
            cursor.execute(seen)
            if cursor.fetchone()[0]:
                break
            time.sleep(0.02)
        try:
            yield
        finally:
            cursor.execute(f"KILL {number}")
            thread.join()
