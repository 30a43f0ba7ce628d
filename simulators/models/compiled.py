"""How numba compiles the helpers of the kernels: with numpy's division, without Python's lock.

They are compiled and cached inside the kernel's entry, which calls them: whoever changes this file
deletes the folder ``simulators/models/__pycache__``.
"""

from numba import njit

helper = njit(error_model="numpy", nogil=True)
"""Arithmetic as it is written."""

fused = njit(error_model="numpy", nogil=True, fastmath={"contract"})
"""A product and a sum may become one (FMA)."""

reordered = njit(error_model="numpy", nogil=True, fastmath={"contract", "reassoc", "nsz"})
"""The same, and sums are added up in any order."""
