"""How far two jump tables, or a jump table and points, are apart."""
