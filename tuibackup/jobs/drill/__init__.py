"""Drill: restore a snapshot into a scratch place, compare it with its record, throw it away."""
