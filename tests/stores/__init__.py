"""Object stores on this machine for tests of copies, and a line to them that does wrong on demand."""
