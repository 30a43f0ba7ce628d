"""Real instruments, one a file."""
