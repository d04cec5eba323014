"""The journal of a run: its events, its file, and the picture folded from them."""
