"""Runs as processes of their own: started, asked, followed, and recorded when they die."""
