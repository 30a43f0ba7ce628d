"""A bench of simulated cells in an array: its board, its bench file."""
