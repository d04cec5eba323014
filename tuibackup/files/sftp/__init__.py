"""A server is read over SFTP alone."""
