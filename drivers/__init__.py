"""Real instruments, a folder each, on the session that they share."""
