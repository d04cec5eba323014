"""Between Textual and the terminal: what changed is sent, one picture at a time, and a lost line is noticed."""
