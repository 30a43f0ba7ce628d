"""A virtual relay box: one path at a time."""
