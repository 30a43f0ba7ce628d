"""What pulse and function generators of Keysight have in common."""
