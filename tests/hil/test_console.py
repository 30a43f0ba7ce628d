"""What the commands say of a program and below which caption a picture stands."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hil.cli.console import caption_of, worst_case
from hil.limits import STRESS, Cost


def test_a_current_that_nothing_bounds_is_said_in_words() -> None:
    stress = np.zeros(1, STRESS)
    stress["energy_j"] = math.inf
    cost = Cost(1.0, math.inf, math.inf, stress)
    assert (
        worst_case(cost) == "worst case at the cell: +0 V / +0 V, no bound on current and energy"
    )


@pytest.mark.parametrize(("letters", "lines"), [(5, 1), (60, 2)])
def test_a_long_caption_has_two_lines(letters: int, lines: int) -> None:
    header: Any = SimpleNamespace(
        device="d" * letters, bench_file={}, bench="smu-pulser", kind="virtual", seed=598438727
    )
    caption = caption_of(header, Path("2026-11-22_183739_iv_smu-pulser"))
    assert len(caption.splitlines()) == lines
    assert max(map(len, caption.splitlines())) < 125
