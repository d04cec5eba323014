"""A playground on this machine: private real sshd and mariadbd with their own ports, keys, sockets and data.

`scripts/demo` and the tests stand on the same parts: `sshd` and `mariadbd` are one server each, `playground`
puts three servers and a configuration together, `headless` backs them up and proves what it got.
"""
