"""Contract suites: what every bench and every device must do, as tests that a lab can run.

They need pytest, which the extra ``test`` brings.
"""

from hil.testing.bench_contract import BenchContract

__all__ = ["BenchContract"]
