"""One server over SSH: session, hops, host keys, commands, streams, SFTP. Knows nothing of backups.

`session` is the way in. `questions`, `command` and `agent` are free of asyncssh, so that a face may import them.
"""

from tuibackup.remote import spared as _spared  # noqa: F401 # before anything imports asyncssh
