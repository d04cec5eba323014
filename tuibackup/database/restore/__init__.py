"""Restores dumps into a database server and compares the result with the record."""
