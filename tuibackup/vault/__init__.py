"""The backup disk: snapshots, archives, indexes, verify, restore. Its format: docs/vault-format.md."""
