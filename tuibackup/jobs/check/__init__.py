"""Check: try everything that a run needs, and change nothing."""
