"""Second places for finished snapshots: what a place can do, what lies there, sending it there and reading it back."""
