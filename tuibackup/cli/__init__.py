"""The command line: one thin file a command. No business rules."""
