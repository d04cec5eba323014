"""A server is read with its own find and tar."""
