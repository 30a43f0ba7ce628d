"""Contract suites: what every bench must do, as tests that a lab can run on its own.

They need pytest, which the extra ``test`` brings.
"""

from hil.testing.bench_contract import BenchContract

__all__ = ["BenchContract"]
