"""Step 2: inventory, difference, fetch. Knows `remote` and `vault`, not `run`."""
