"""tuibackup: a terminal cockpit for backing up servers by the book."""

__version__ = "0.1.0"
