"""The backup disk: snapshots, archives, indexes, verify, restore. docs/vault-format.md describes the format."""
