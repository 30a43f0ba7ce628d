"""What is not confirmed of the 81160A and the 33500B, each once and by name: UNCONFIRMED.

A reading from a real instrument changes one line here. No guess lets more voltage out than was
asked for: every level, the load and the limits are read back before the output is on.
"""

EDGE_SHARE = 0.8
"""Part of an edge (0 to 100 %) that their transition time counts: 10 to 90 %."""

WIDTH_EDGES = 0.5
"""Part of both edges that their width counts beside the flat top: 50 to 50 %. With equal edges it
is the same where a width runs from the beginning of one edge to that of the other."""

OPEN_CIRCUIT = 2.0
"""How much more than into 50 ohm comes out, and can be set, with nothing connected: their output
resistance is 50 ohm, so that limits into 50 ohm double."""

EDGE_ROOM_81160A, EDGE_ROOM_33500B = 0.625, 0.8
"""How often both transition times together must fit in the width, and in the pause after it: for
straight edges 0.625 is the edges themselves; 0.8 is what the user's guide of the 33220A says."""

TIME_STEP_S = 0.1e-9
"""Resolution of width and edges (s)."""

TIME_SHARE = 5e-3
"""How far a time that they hold may be off the one that was asked for, for its digits (share)."""

LEVEL_STEP_V, LEVEL_SHARE = 1e-3, 2e-3
"""Likewise a level (V, share). The larger of both counts, but never more than 1 %."""

RELAY_S = 0.02
"""Time for the relay of the output to move (s)."""

ABORT = ":ABOR"
"""Ends a burst that is under way. One that does not know it says so, and its output goes off all
the same."""

POLARITY = ("NORM", "INV")
"""How polarity is told and asked for: ``:OUTP1:POL INV``. Inverted, a pulse rests at the higher
level and goes to the lower one."""

SEPARATE_EDGES_81160A = (":PULS:TRAN{ch}:LEAD", ":PULS:TRAN{ch}:TRA")
"""Leading and trailing edge of an 81160A."""

FENCE_33500B = (":SOUR{ch}:VOLT:LIM:HIGH", ":SOUR{ch}:VOLT:LIM:LOW", ":SOUR{ch}:VOLT:LIM:STAT")
"""Voltage limits of a 33500B, as the 81160A has them."""
