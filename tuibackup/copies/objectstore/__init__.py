"""Object storage (S3-compatible, Azure, Google) as a place for copies; what reaches it is the extra `copies`."""
