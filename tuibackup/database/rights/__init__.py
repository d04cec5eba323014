"""What the backup's account may read, and what a dump would miss."""
