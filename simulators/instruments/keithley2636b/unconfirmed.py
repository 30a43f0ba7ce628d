"""What the virtual 2636B does and no source at hand says: one line to change for each.

UNCONFIRMED, all of it: a reading from a real instrument replaces it. What is more than a value
stands where it is done:

- the source complete event comes with the new level, plus `source.delay` (`Sweep`);
- a level beyond a fixed source range is refused and the old one stays (`Smu`);
- `waitcomplete()` does not wait for a sweep that waits for an event from outside, nor for an
  endless one (`Sweep`);
- what is set of the source while the channel sweeps is kept, and takes effect with the next
  setting after the sweep (`Smu`);
- an asynchronous measure action (`smua.ASYNC`) is done as an ordinary one (`Sweep`).
"""

VERSION = "3.2.2"
"""Firmware of a 2636B that was seen in a log."""

OVERFLOW = 9.91e37
"""Reading that is beyond its range."""

BLOCKED = (802, "OUTPUT blocked by interlock")
"""Error of an output that an open interlock keeps off; the number is the 2400's."""

SWEEP_RUNNING = (-211, "Trigger ignored")
"""Error of `initiate` while the channel sweeps."""

NO_SWEEP = (-221, "Settings conflict")
"""Error of `initiate` with the source action on and no sweep configured."""

FULL = (-225, "Out of memory")
"""Error of a reading that its buffer has no room for."""

MOST_READINGS = 100_000
"""Readings that `nvbuffer1` and `nvbuffer2` hold."""

MEASURE_S = 33e-6
"""Time of a reading beside its aperture: 20,000 readings a second at 0.001 PLC leave this."""

REFERENCE_S = 10.0
"""How long the reference and zero of an aperture are good for with autozero AUTO (s); the manual
says that it depends on the aperture."""

AUTO_DELAY_S = {100e-12: 10e-3, 1e-9: 3e-3, 10e-9: 1e-3, 100e-9: 250e-6}
"""`measure.delay` AUTO by current range (s); none above."""

EDGE_S = 30e-6
"""Time to a new level: the data sheet's settling time of the lower ranges is below 50 us."""

COUNTS = 1_000_000
"""Counts from zero to the name of a range: resolution of the data sheet's measure ranges."""

NOISE = 2e-6
"""Noise of a reading at 1 PLC, rms, as a part of its range."""

SOURCE_V = ((0.2, 2e-4, 375e-6), (2.0, 2e-4, 600e-6), (20.0, 2e-4, 5e-3), (200.0, 2e-4, 50e-3))
"""One-year accuracy of the voltage source by range: part of the level, V; from memory."""

MEASURE_V = (
    (0.2, 1.5e-4, 225e-6), (2.0, 2e-4, 350e-6), (20.0, 1.5e-4, 5e-3), (200.0, 1.5e-4, 50e-3),
)  # fmt: skip
"""One-year accuracy of the voltmeter by range: part of the reading, V; from memory."""

MEASURE_A = (
    (100e-12, 1.5e-3, 120e-15), (1e-9, 1.5e-3, 240e-15), (10e-9, 1.5e-3, 3e-12),
    (100e-9, 6e-4, 40e-12), (1e-6, 2.5e-4, 400e-12), (10e-6, 2.5e-4, 1.5e-9),
    (100e-6, 2e-4, 25e-9), (1e-3, 2e-4, 200e-9), (10e-3, 2e-4, 2.5e-6), (100e-3, 2e-4, 20e-6),
    (1.0, 3e-4, 1.5e-3), (1.5, 5e-4, 3.5e-3),
)  # fmt: skip
"""One-year accuracy of the ammeter by range: part of the reading, A; from memory."""

ABORT_GOES_IDLE = True
"""An aborted sweep goes to the programmed level, the cautious side."""

EVENTS = ("SWEEPING", "ARMED", "SOURCE_COMPLETE", "MEASURE_COMPLETE", "PULSE_COMPLETE",
          "SWEEP_COMPLETE", "IDLE")  # fmt: skip
"""A channel's events in the order of their numbers; clients use the names."""
