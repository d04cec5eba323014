"""The index of a snapshot: what an inventory saw, what did not change, and where each file's bytes lie."""
