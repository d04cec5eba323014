"""The command line: one thin file a command. It reads words, calls a function of the house and prints.

No business rules live here; what a command needs it imports late, so that it starts at once.
"""
