"""Guided set-up: questions whose answers are tried at once, for a server to add, to change or to take out."""
