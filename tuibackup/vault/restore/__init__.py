"""Out of the vault again: into a folder, as a dump's SQL, and by restore.sh without tuibackup."""
