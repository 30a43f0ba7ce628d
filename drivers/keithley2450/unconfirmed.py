"""What is open about the 2450, each once and by name: UNCONFIRMED until read on one.

A reading from a real instrument changes one line here. Where an assumption could do harm, the
driver takes the one that costs time or refuses, never the one that risks the device.
"""

LIST_SWEEP = ':SOUR:SWE:VOLT:LIST 1,{delay},1,{abort},"defbuffer1"'
"""Order of the arguments: first index, delay (s), runs, fail abort, buffer, as the manual of the
2470 has it (2470-901-01, page 12-92); the 2450's own page was not seen."""

LIST_PIECE, MOST_LEVELS = 100, 2500
"""Levels of one command (2450 reference manual, page 6-78), and of a whole list (manual of the
2461, page 6-102)."""

LEAST_DELAY_S, MOST_DELAY_S = 50e-6, 10e3
"""Delay of a step of a sweep that is not 0 (s, manual of the 2470, page 12-92)."""

SOURCE_LIMITED = 0x20
"""Bit 5 of SOURSTAT: the source was limited (2450 reference manual, page 8-29, which lists it for
the buffers of TSP). That a sweep aborts only after the reading at the limit is stored is open."""

AT_LIMIT_SHARE = 0.998
"""A reading with so much of the compliance counts as limited, whatever the bits say (share)."""

OWN_STEP_S = 0.6e-3
"""What a step adds to delay and aperture (s): the data sheet's 58 steps a second at one power line
cycle and 1710 at 0.01, both at 60 Hz, leave 0.42 ms to 0.58 ms."""

ENDS_OFF = True
"""Whether a sweep may switch the output off at its end, as its trigger model's last block does on
sister models: the output is looked at after each, and switched on again at 0 V if it is off."""

DEAD_SOCKET_PORT = 5030
"""Port of the LAN interface that frees a raw socket whose client is gone."""
