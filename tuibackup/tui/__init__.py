"""The cockpit. Shows journals and ledger, starts and stops runs; no business rules, no asyncssh, no aiomysql."""
