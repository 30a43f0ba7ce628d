"""A virtual Keysight 33522B."""
