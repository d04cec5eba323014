"""What a server has beside rows: views, programs, sequences, accounts; and which of it can be shown."""
