"""A dump into a database server, and the proof of what came there."""
