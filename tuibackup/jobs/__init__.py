"""What an administrator does besides runs, a module for each action: plan, do, result, record."""
