"""Which snapshots stay, why, and how the others go."""
