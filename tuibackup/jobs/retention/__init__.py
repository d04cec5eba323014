"""Retention: which snapshots stay, why, and how the others go. The only part that removes backups."""
