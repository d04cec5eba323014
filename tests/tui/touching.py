"""Words on a screen that touch each other."""

import re

TOUCHING = re.compile(
    r"\d:\d\d(?![:\d])[^\s\d)│─,;]"  # a time, and at once what comes after it
    r"|(?:[a-z]|[A-Z]{3})\d+(?:d|hr)\b"  # a state and its age
    r"|\d(?:d|hr)[\w×√!]|\S(?:ssh-ed25519|MiB/s)|[KMGT]iB[a-z]"
)
