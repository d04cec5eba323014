"""Restore: get files or databases out of a snapshot, into a folder or into a database server."""
