"""A playground on this machine: private real sshd and mariadbd with their own ports, keys, sockets and data.

`scripts/demo` and the tests stand on the same parts.
"""
