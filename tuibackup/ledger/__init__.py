"""The append-only record of everything done: entries in a hash chain, and queries over them."""
