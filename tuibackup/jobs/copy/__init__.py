"""Copies: snapshots go to second places, are read again there, restored from there, and make a lost vault anew."""
