"""How far two jump tables, or a jump table and points, are apart."""

from hil.protocols.jump_table.metrics.intervals import (
    Interval,
    fitted_interval,
    fixed_interval,
    mean_interval,
    refits,
)
from hil.protocols.jump_table.metrics.ks2d import KsTest, fasano_franceschini, ks2d, ks2d_test
from hil.protocols.jump_table.metrics.overlap import ovle, ssd
from hil.protocols.jump_table.metrics.redraws import Distance, ks_interval, pit_interval
from hil.protocols.jump_table.metrics.scores import (
    PitDistance,
    nll,
    nll_each,
    pit,
    pit_distance,
)

__all__ = [
    "Distance",
    "Interval",
    "KsTest",
    "PitDistance",
    "fasano_franceschini",
    "fitted_interval",
    "fixed_interval",
    "ks2d",
    "ks2d_test",
    "ks_interval",
    "mean_interval",
    "nll",
    "nll_each",
    "ovle",
    "pit",
    "pit_distance",
    "pit_interval",
    "refits",
    "ssd",
]
