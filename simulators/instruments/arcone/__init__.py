"""A virtual ArC ONE: a 32 x 32 crossbar board."""
