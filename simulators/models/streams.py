"""What the random numbers of a cell are for: the streams of `hil.draws` that share its key.

0 to 2 are older: the step of a jump table, the noise of a Stanford gap, a bench's read noise.
"""

import numpy as np

SPREAD = np.uint64(16)
"""A cell's own parameters; the count is a checksum of the parameter's name."""
STUCK = np.uint64(17)
"""Which cells are stuck."""
FORMING = np.uint64(18)
"""At which voltage a cell forms."""
RELAXATION = np.uint64(19)
"""What waiting does to a cell."""
WHITE = np.uint64(20)
"""White noise of a reading."""
FLICKER = np.uint64(21)
"""1/f noise of a reading: one stream for each corner frequency, from here on (21 to 47)."""
TELEGRAPH = np.uint64(48)
"""Random telegraph noise of a reading."""
HALF_CYCLE = np.uint64(64)
"""JART: the filament and the bounds of a half cycle; four streams, 64 to 67."""
VACANCY = np.uint64(68)
"""JART: vacancies that come and go (RTN)."""
PULSE = np.uint64(72)
"""NeuroSim: the noise of a pulse."""
INITIAL = np.uint64(73)
"""Where a fresh cell starts, if that is drawn."""
