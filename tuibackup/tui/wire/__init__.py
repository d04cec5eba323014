"""Between Textual and the terminal: sends only what changed, one picture at a time, and notices a lost line."""
