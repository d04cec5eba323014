"""The cockpit. Shows journals and ledger, starts and stops runs; no business rules, no asyncssh, no aiomysql."""

import os

# Textual turns on kitty's keyboard protocol. When the connection drops nothing can turn it off again, and the
# operator's own shell prints `[13;129u` for enter. This is read when Textual is imported; nothing here needs it.
os.environ["TEXTUAL_DISABLE_KITTY_KEY"] = "1"
