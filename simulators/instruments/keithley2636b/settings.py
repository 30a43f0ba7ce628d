"""The settings of a channel: after a reset, and what they may be (2600B manual, section 9)."""

from typing import Any

from hil.simulators.instruments.keithley2636b.model import (
    LEAST_LIMIT_A,
    LEAST_LIMIT_V,
    MOST_A,
    MOST_V,
)
from hil.simulators.instruments.tsp.objects import Check, choice, number, whole

_SWITCH, _AUTO = choice(0, 1), choice(0, 1, 2)
_EVENT = whole(0, 10**6)

SOURCE: dict[str, tuple[Any, Check]] = {
    "levelv": (0.0, number(-MOST_V, MOST_V)),
    "leveli": (0.0, number(-MOST_A, MOST_A)),
    "limitv": (20.0, number(LEAST_LIMIT_V, MOST_V)),
    "limiti": (0.1, number(LEAST_LIMIT_A, MOST_A)),
    "func": (1, choice(0, 1)),
}
"""Settings that change what comes out."""

PLAIN_SOURCE: dict[str, tuple[Any, Check]] = {
    "limitp": (0.0, number(0.0, 1000.0)),
    "lowrangev": (0.2, number(0.0, 200.0)),
    "lowrangei": (1e-9, number(0.0, 1.5)),
    "delay": (0.0, number(-1.0, 1000.0)),
    "offmode": (0, choice(0, 1, 2)),
    "offfunc": (1, choice(0, 1)),
    "offlimiti": (1e-3, number(LEAST_LIMIT_A, MOST_A)),
    "offlimitv": (40.0, number(LEAST_LIMIT_V, MOST_V)),
    "highc": (0, _SWITCH),
    "settling": (0, whole(0, 128)),
    "sink": (0, _SWITCH),
    "outputenableaction": (0, _AUTO),
}

MEASURE: dict[str, tuple[Any, Check]] = {
    "nplc": (1.0, number(0.001, 25.0)),
    "lowrangei": (100e-12, number(0.0, 1.5)),
    "lowrangev": (0.2, number(0.0, 200.0)),
    "autozero": (2, _AUTO),
    "count": (1, whole(1, 100_000)),
    "interval": (0.0, number(0.0, 1.0)),
    "delay": (-1.0, number(-1.0, 1000.0)),
    "delayfactor": (1.0, number(0.0, 1000.0)),
    "highcrangedelayfactor": (10.0, number(1.0, 99.0)),
}

FILTER: dict[str, tuple[Any, Check]] = {
    "enable": (0, _SWITCH), "count": (1, whole(1, 100)), "type": (1, _AUTO),
}  # fmt: skip

TRIGGER: dict[str, tuple[Any, Check]] = {
    "count": (1, whole(0, 2_147_483_647)), "autoclear": (0, _SWITCH),
}  # fmt: skip

PARTS: dict[str, dict[str, tuple[Any, Check]]] = {
    "arm": {"count": (1, whole(0, 2_147_483_647)), "stimulus": (0, _EVENT)},
    "source": {
        "action": (0, _SWITCH), "stimulus": (0, _EVENT),
        "limiti": (0.0, number(0.0, MOST_A)), "limitv": (0.0, number(0.0, MOST_V)),
    },
    "measure": {"action": (0, _AUTO), "stimulus": (0, _EVENT)},
    "endpulse": {"action": (1, _SWITCH), "stimulus": (0, _EVENT)},
    "endsweep": {"action": (1, _SWITCH)},
}  # fmt: skip
"""Parts of the trigger model."""

RANGES: dict[str, Any] = {
    "source.rangev": 20.0, "source.rangei": 0.1, "source.autorangev": 1, "source.autorangei": 1,
    "measure.rangev": 20.0, "measure.rangei": 0.1, "measure.autorangev": 1,
    "measure.autorangei": 1,
}  # fmt: skip

CONSTANTS = {
    "OUTPUT_DCAMPS": 0, "OUTPUT_DCVOLTS": 1, "OUTPUT_OFF": 0, "OUTPUT_ON": 1, "OUTPUT_HIGH_Z": 2,
    "OUTPUT_NORMAL": 0, "OUTPUT_ZERO": 1, "AUTORANGE_OFF": 0, "AUTORANGE_ON": 1,
    "AUTORANGE_FOLLOW_LIMIT": 2, "AUTOZERO_OFF": 0, "AUTOZERO_ONCE": 1, "AUTOZERO_AUTO": 2,
    "SENSE_LOCAL": 0, "SENSE_REMOTE": 1, "SOURCE_IDLE": 0, "SOURCE_HOLD": 1, "DISABLE": 0,
    "ENABLE": 1, "ASYNC": 2, "DELAY_OFF": 0, "DELAY_AUTO": -1, "FILTER_OFF": 0, "FILTER_ON": 1,
    "LIMIT_AUTO": 0,
    "FILTER_MOVING_AVG": 0, "FILTER_REPEAT_AVG": 1, "FILTER_MEDIAN": 2, "OE_NONE": 0,
    "OE_OUTPUT_OFF": 1, "SETTLE_SMOOTH": 0, "SETTLE_FAST_RANGE": 1, "SETTLE_FAST_POLARITY": 2,
    "SETTLE_DIRECT_IRANGE": 3, "SETTLE_SMOOTH_100NA": 4, "SETTLE_FAST_ALL": 128,
}  # fmt: skip
"""Constants of a channel; QCoDeS and pymeasure confirm those of func, output, sense, ranges."""


def _defaults() -> dict[str, Any]:
    groups = {
        "source.": SOURCE | PLAIN_SOURCE, "measure.": MEASURE, "measure.filter.": FILTER,
        "trigger.": TRIGGER, **{f"trigger.{name}.": part for name, part in PARTS.items()},
    }  # fmt: skip
    found = {"sense": 0, "source.output": 0, **RANGES}
    for prefix, group in groups.items():
        found.update({f"{prefix}{name}": value for name, (value, _) in group.items()})
    return found


DEFAULTS = _defaults()
"""All settings after a reset."""


def checks(group: dict[str, tuple[Any, Check]]) -> dict[str, Check]:
    """Give what each setting of a group may be."""
    return {name: check for name, (_, check) in group.items()}
