"""What an administrator does beside a run, a module for each action: plan, do, result, record."""
