"""Steps 3 and 4: login, audit, dump, verdict. Knows `remote` and `vault`, not `run`."""
