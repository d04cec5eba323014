"""One server over SSH: session, hops, host keys, commands, streams, SFTP. Knows nothing of backups."""
