"""A virtual Keysight 81160A."""
