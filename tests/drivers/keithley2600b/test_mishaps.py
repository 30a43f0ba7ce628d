"""What goes wrong ends at 0 V and off, is said, and never becomes a number."""

import contextlib

import numpy as np
import pytest

from hil.drivers.keithley2600b import channel
from hil.errors import InstrumentError
from tests.drivers.keithley2600b.conftest import PATIENCE_S, RESISTANCE_OHM, SETTINGS, Site

LEVELS_V = np.array([0.1, 0.3, -0.2])


@pytest.fixture(autouse=True)
def quick(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "START_S", PATIENCE_S)
    site.session.timeout_s = PATIENCE_S


def measured(place: Site, what: str) -> None:
    """Measure from the settings on; what comes is right, if anything comes."""
    smu = place.ready()
    if what == "pulses":
        rows = smu.pulses(LEVELS_V, 2e-3, 5e-3)
    else:
        rows = smu.sweep(LEVELS_V, 1e-3, stop_at_limit=what == "script")
    assert rows.current_a == pytest.approx(LEVELS_V / RESISTANCE_OHM, rel=1e-3)
    assert rows.voltage_v == pytest.approx(LEVELS_V, rel=1e-3)
    assert not rows.limited.any()


FAULTS = ("truncated", "cut", "garbled", "duplicated", "dropped", "late seconds=0.4")
PLACES = {"sweep": (0, 3, 7), "script": (5,), "pulses": (9,)}
"""Answers that something happens to: settings, their echo, the output, the end, the rows."""


@pytest.mark.parametrize("what", PLACES)
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_of_the_line_ever_becomes_a_number(site: Site, fault: str, what: str) -> None:
    for skip in PLACES[what]:
        site.smu._asked = None  # settings are sent anew
        site.fault(fault, f"skip={skip}")
        try:
            measured(site, what)
        except InstrumentError:
            assert not site.is_on()
        site.lab.ask("faults clear")
        with contextlib.suppress(InstrumentError):
            site.smu.make_safe()  # finds its step again, if it is out of it
        measured(site, what)


@pytest.mark.parametrize("skip", [0, 3])
def test_a_lost_connection_is_said_and_it_is_off(site: Site, skip: int) -> None:
    measured(site, "sweep")
    site.smu._asked = None
    site.fault("disconnect", f"skip={skip}")
    with pytest.raises(InstrumentError, match="lost"):
        measured(site, "sweep")
    assert not site.is_on()
    measured(site, "sweep")


def test_an_output_that_sticks_is_told(site: Site) -> None:
    site.ready().sweep(LEVELS_V, 1e-3)
    site.lab.ask("trouble smu output-stuck on")
    with pytest.raises(InstrumentError, match="is on at 0 V although"):
        site.smu.output(on=False)
    assert site.is_on()
    assert site.last_v() == 0
    site.lab.ask("trouble smu output-stuck off")
    site.smu.output(on=False)
    assert not site.is_on()


def test_compliance_everywhere_is_reported(site: Site) -> None:
    site.lab.ask("trouble smu compliance on")
    rows = site.ready().sweep(LEVELS_V, 1e-3)
    assert rows.limited.all()
    rows = site.ready().sweep(LEVELS_V, 1e-3, stop_at_limit=True)
    assert rows.limited.tolist() == [True]


def test_an_overflow_is_no_number(site: Site) -> None:
    site.lab.ask("trouble smu over-range on")
    rows = site.ready().sweep(LEVELS_V, 1e-3)
    assert np.isnan(rows.current_a).all()
    assert rows.limited.all()


def test_a_full_queue_of_errors_is_told_and_emptied(site: Site) -> None:
    site.lab.ask("trouble smu queue-full on")
    with pytest.raises(InstrumentError, match="refuses"):
        site.ready()
    assert not site.is_on()
    site.lab.ask("trouble smu queue-full off")
    measured(site, "sweep")


def test_an_open_interlock_is_told_and_nothing_is_on(site: Site) -> None:
    site.lab.ask("interlock smu open")
    try:
        with pytest.raises(InstrumentError, match=r"(?i)interlock"):
            site.ready(SETTINGS._replace(range_v=100.0, limit_a=1e-3, range_a=1e-3))
        assert not site.is_on()
    finally:
        site.lab.ask("interlock smu closed")
