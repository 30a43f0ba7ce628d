"""What is not known of the 2600B for sure, each once and by name: UNCONFIRMED until read on one.

A reading from a real instrument changes one line here. Where an assumption could do harm, the
driver takes the one that costs time or refuses.

Two more shape the driver and have no line: ``abort`` on a line of its own ends a script that runs
(`drivers.tsp`); the trigger count may be larger than a list of source levels, which is then
played again from its beginning, as an example of the manufacturer's does.
"""

PORT = 5025
"""TCP port of the raw socket; it serves one client at a time."""

DEAD_SOCKET_PORT = 5030
"""TCP port that, when connected to, frees a socket whose client is gone without a word."""

OVERRANGE = 1.01
"""What a source or measuring range reaches beyond its name."""

LONGEST_LINE = 900
"""Characters of a line of Lua; longer lists go in several."""

MOST_POINTS = 10_000
"""Levels of a sweep. The buffers hold more than 60,000 readings with their times; what a list of
the trigger model holds is open."""

OWN_STEP_S = 150e-6
"""What a step of a sweep takes beside its delay and aperture (s)."""

SETTLING_S = 40e-6
"""Time for the level and a current range from 10 uA upwards to settle before a pulse is measured
(s). Lower ranges settle more slowly: a short pulse is measured there before its current stands."""

MOST_DELAY_S = 1000.0
"""Longest measuring delay (s): the page of smuX.measure.delay names none."""

START_S, START_SHARE = 5.0, 0.2
"""How much longer than its steps a sweep may take (s, share)."""

POLL_S = 0.01
"""Time between two looks at a sweep that is not yet done (s)."""
