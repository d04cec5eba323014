"""The dumper without a program on the server: SQL written from rows read over a connection."""
