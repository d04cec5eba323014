"""SQL as text: scanned, cut into statements, taken apart and put together."""
