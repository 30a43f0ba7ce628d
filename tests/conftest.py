"""How all tests run: random examples are the same each time, and have time for a first compile."""

from hypothesis import settings

settings.register_profile("hil", deadline=None, derandomize=True)
settings.load_profile("hil")
