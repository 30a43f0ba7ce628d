"""Largest differences of two samples' quadrant counts, as integers.

Each point carries a weight: the size of the other sample, negative in the second. The sum of the
weights in a quadrant is then the difference of the two shares times the product of the sizes, and
the sum of all weights is 0.
"""

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy")
def ranks(values, order):
    """Give the rank of each value among the distinct ones; *order* sorts the values."""
    rank = np.empty(values.shape[0], np.int64)
    last = 0
    for i in range(values.shape[0]):
        if i > 0 and values[order[i]] != values[order[i - 1]]:
            last += 1
        rank[order[i]] = last
    return rank


@njit(cache=True, error_model="numpy")
def peacock(x_rank, y_rank, weight):
    """Give the largest quadrant sum, over all origins and the four quadrants.

    Points, (points,) int64 each, are in the order of x. A sweep from the left meets the quadrants
    left of each origin, one from the right those right of it.
    """
    leaves = 1
    while leaves <= y_rank.max():
        leaves *= 2
    tree = np.empty((2 * leaves, 3), np.int64)
    left = _sweep(x_rank, y_rank, weight, tree)
    return max(left, _sweep(x_rank[::-1], y_rank[::-1], weight[::-1], tree))


@njit(cache=True, error_model="numpy")
def _sweep(x_rank, y_rank, weight, tree):
    """Give the largest sum above or below any y, over the points up to any x.

    A node of the tree holds the sum of its leaves' weights and the lowest and highest sum of its
    first leaves, so that the root knows the extremes over all y. A group of equal x goes in whole
    before the root is looked at.
    """
    leaves = tree.shape[0] // 2
    tree[:] = 0
    total = 0
    best = 0
    count = y_rank.shape[0]
    for i in range(count):
        node = leaves + y_rank[i]
        total += weight[i]
        here = tree[node, 0] + weight[i]
        tree[node, 0] = here
        tree[node, 1] = min(here, 0)
        tree[node, 2] = max(here, 0)
        node >>= 1
        while node:
            first, second = 2 * node, 2 * node + 1
            here = tree[first, 0]
            tree[node, 0] = here + tree[second, 0]
            tree[node, 1] = min(tree[first, 1], here + tree[second, 1])
            tree[node, 2] = max(tree[first, 2], here + tree[second, 2])
            node >>= 1
        if i + 1 == count or x_rank[i + 1] != x_rank[i]:
            lowest, highest = tree[1, 1], tree[1, 2]
            best = max(best, -lowest, highest, total - lowest, highest - total)
    return best


@njit(cache=True, error_model="numpy")
def fasano_franceschini(x_rank, y_rank, weight):
    """Give the largest quadrant sum over origins in the first sample, and in the second.

    Points, (points,) int64 each, are in the order of x. Those at an origin's own x or y count as
    left of it or below it. A Fenwick tree over y holds the points up to x.
    """
    count, size = y_rank.shape[0], y_rank.max() + 2
    partial, below = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for i in range(count):
        below[y_rank[i] + 1] += weight[i]
    for k in range(1, size):
        below[k] += below[k - 1]
    first, second, left, begin = 0, 0, 0, 0
    for end in range(1, count + 1):
        node = y_rank[end - 1] + 1
        left += weight[end - 1]
        while node < size:
            partial[node] += weight[end - 1]
            node += node & -node
        if end < count and x_rank[end] == x_rank[end - 1]:
            continue
        for i in range(begin, end):
            node = y_rank[i] + 1
            under = below[node]
            corner = 0
            while node:
                corner += partial[node]
                node &= node - 1
            largest = max(
                abs(corner), abs(left - corner), abs(under - corner), abs(corner - left - under)
            )
            if weight[i] > 0:
                first = max(first, largest)
            else:
                second = max(second, largest)
        begin = end
    return first, second
