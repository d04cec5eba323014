"""What people are told, and when: troubles out of the picture, what changed since they were told last, summaries."""
