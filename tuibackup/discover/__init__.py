"""What else a server has: what it serves, which applications these are, and where their data and databases lie."""
