"""Random numbers by name: what is drawn depends on who draws and how often, on nothing else.

A number is ``f(key, stream, count)`` with Philox4x64-10 (Salmon et al., SC11, 2011, doi
10.1145/2063384.2063405): *key* belongs to a cell or a run, *stream* says what the number is for,
*count* how many the owner has drawn for that purpose. Visiting order, batching and how many cells
go at once therefore cannot change a result. The functions run inside numba kernels and alone.
"""

import math

import numpy as np
from numba import njit

_M0 = np.uint64(0xD2E7470EE14C6C93)
_M1 = np.uint64(0xCA5A826395121157)
_W0 = np.uint64(0x9E3779B97F4A7C15)
_W1 = np.uint64(0xBB67AE8584CAA73B)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_11 = np.uint64(11)
_53 = 1.0 / 9007199254740992.0


@njit(cache=True, inline="always")
def _high_product(a, b):
    """High 64 bits of a 64 x 64 bit product."""
    a_low = a & _LOW
    a_high = a >> _32
    b_low = b & _LOW
    b_high = b >> _32
    middle = a_high * b_low + ((a_low * b_low) >> _32)
    cross = a_low * b_high + (middle & _LOW)
    return a_high * b_high + (middle >> _32) + (cross >> _32)


@njit(cache=True)
def philox(key, stream, count):
    """Draw the first two 64-bit words of Philox4x64-10 for one counter.

    Parameters
    ----------
    key, stream : uint64
        The two words of the generator's key.
    count : uint64
        Lowest word of the counter; the other three are 0.

    Returns
    -------
    tuple of uint64
        Two independent words.
    """
    c0, c1, c2, c3 = np.uint64(count), np.uint64(0), np.uint64(0), np.uint64(0)
    k0, k1 = np.uint64(key), np.uint64(stream)
    for _ in range(10):
        high0 = _high_product(_M0, c0)
        high1 = _high_product(_M1, c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, _M1 * c2, high0 ^ c3 ^ k1, _M0 * c0
        k0 += _W0
        k1 += _W1
    return c0, c1


@njit(cache=True)
def uniform(key, stream, count):
    """Draw one number from [0, 1), a multiple of 2**-53."""
    word, _ = philox(key, stream, count)
    return (word >> _11) * _53


@njit(cache=True)
def normal(key, stream, count):
    """Draw one standard normal number (Box and Muller 1958)."""
    first, second = philox(key, stream, count)
    radius = math.sqrt(-2.0 * math.log(((first >> _11) + 1.0) * _53))
    return radius * math.cos(2.0 * math.pi * ((second >> _11) * _53))


@njit(cache=True)
def uniforms(keys, stream, counts):
    """Draw from [0, 1): uint64 keys (cells,) and counts (draws, cells) give (draws, cells)."""
    out = np.empty(counts.shape)
    for i in range(counts.shape[0]):
        for k in range(counts.shape[1]):
            out[i, k] = uniform(keys[k], stream, counts[i, k])
    return out


@njit(cache=True)
def normals(keys, stream, counts):
    """Draw standard normal numbers: keys and counts as in `uniforms`."""
    out = np.empty(counts.shape)
    for i in range(counts.shape[0]):
        for k in range(counts.shape[1]):
            out[i, k] = normal(keys[k], stream, counts[i, k])
    return out
