"""Step 2 backwards: files of a snapshot into a new folder of a server, and the proof of what lies there."""
