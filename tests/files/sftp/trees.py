"""Folders of a played server, and what came of them."""

import os
import stat
from pathlib import Path

from tests.files.conftest import Bench
from tests.files.played import FOLDER, Node

APP = b"/srv/app"


def application(files: int = 20) -> dict[bytes, Node]:
    tree = {APP: FOLDER, APP + b"/sub": FOLDER}
    tree |= {APP + b"/sub/file%03d" % number: Node(content=b"%d" % number * 100) for number in range(files)}
    return tree


BALLAST = {APP + b"/ballast": Node(content=bytes(1000) * 6_000)}  # so that the rest is less than half


def reasons(bench: Bench) -> dict[str, str]:
    """Of files, whatever is said of the folder as a whole."""
    return {name: reason for name, reason in bench.told.reasons.items() if name != "app"}


def content(target: Path) -> dict[bytes, bytes]:
    found = {}
    for folder, _, files in os.walk(os.fsencode(target)):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                found[APP + os.path.join(folder, name).removeprefix(os.fsencode(target))] = file.read()
    return found


def files_of(tree: dict[bytes, Node]) -> dict[bytes, bytes]:
    return {path: node.content for path, node in tree.items() if stat.S_ISREG(node.mode)}
