"""Tables that servers checksum by how they store them, see `peculiar.sql`."""

import re
from pathlib import Path

MARK = b"424242"  # stands in every table once, in a column of its own
SQL = Path(__file__).with_suffix(".sql").read_text()  # into the database in use
TABLES = frozenset(re.findall(r"^CREATE TABLE `(\w+)`", SQL, re.MULTILINE))
