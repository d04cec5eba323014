"""What each released version of tuibackup wrote, frozen: every later version reads, verifies, restores and goes on."""
