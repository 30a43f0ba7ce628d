"""Compiled parts of the nested merging of blocks of an array into the mesh between its ports.

A block is what its ports see of it: a mesh, one conductance between every two ports, all of them
positive. Only the upper triangle is kept, and no diagonal: what a port carries in all is the sum
of its row. Ports stand in the order of their lines, and `side` says on which side each is. Two
neighbours are joined on the ports they share, and these are taken out by the star-mesh
transformation: taking out node k puts c_ki c_kj / sum_m c_km between every two others i and j
(A. Rosen, J. IEE 62 (1924) 916). Nothing is ever subtracted, so every conductance keeps its
relative accuracy, from open cells to ideal wires, and a node that leads nowhere (sum 0) is
simply left out. As an elimination it is that of Grassmann, Taksar and Heyman (Oper. Res. 33
(1985) 1107).

In a block of cells, 4 x 8 equal regions are joined side by side, in the lanes of long vectors,
then with each other. (The compiler makes vectors only of loops that begin at 0 and whose arrays
are few, which is why slices are taken before the innermost loops.)
"""

import numpy as np
from numba import njit

LANES_HIGH, LANES_WIDE = 4, 8
LANES = LANES_HIGH * LANES_WIDE
LEFT, RIGHT, TOP, BOTTOM = 0, 1, 2, 3
IDEAL_S = 1e20  # what an ideal wire conducts: nothing else of an array comes within 1e16 of it

_helper = njit(error_model="numpy", nogil=True, fastmath={"contract", "reassoc", "nsz"})
_kernel = njit(
    error_model="numpy", nogil=True, fastmath={"contract", "reassoc", "nsz"}, cache=True
)


@_helper
def _wire_s(ohm):
    return 1.0 / ohm if ohm * IDEAL_S > 1.0 else IDEAL_S


@_helper
def _cells(g, row_ohm, column_ohm, region_high, region_wide):
    """Put single cells into the lanes; beyond the block stand lines without cells."""
    cells = np.zeros((region_high * region_wide, 4, 4, LANES))
    for lane in range(LANES):
        for i in range(region_high):
            for j in range(region_wide):
                row = (lane // LANES_WIDE) * region_high + i
                column = (lane % LANES_WIDE) * region_wide + j
                cell = cells[i * region_wide + j]
                cell[LEFT, RIGHT, lane] = IDEAL_S
                cell[TOP, BOTTOM, lane] = IDEAL_S
                if row < g.shape[0] and column < g.shape[1]:
                    at = (row, column)
                    cell[LEFT, RIGHT, lane] = _wire_s(row_ohm[at])
                    cell[RIGHT, TOP, lane] = g[at]
                    cell[TOP, BOTTOM, lane] = _wire_s(column_ohm[at])
    return cells


@_helper
def _split(side, shared, dropped):
    """Return where the shared, the dropped and the kept ports of a block are."""
    shared_at = np.empty(side.size, np.uint64)
    dropped_at = np.empty(side.size, np.uint64)
    kept_at = np.empty(side.size, np.uint64)
    s = d = k = 0
    for p in range(side.size):
        if side[p] == shared:
            shared_at[s] = p
            s += 1
        elif (dropped >> side[p]) & 1:
            dropped_at[d] = p
            d += 1
        else:
            kept_at[k] = p
            k += 1
    return shared_at[:s], dropped_at[:d], kept_at[:k]


@_helper
def _sides(side_a, kept_a, side_b, kept_b):
    side = np.empty(kept_a.size + kept_b.size, np.int64)
    for k in range(kept_a.size):
        side[k] = side_a[kept_a[k]]
    for k in range(kept_b.size):
        side[kept_a.size + k] = side_b[kept_b[k]]
    return side


@_helper
def _gather_lanes(block, shared, kept, first, inner, outer, mesh):
    for k in range(shared.size):
        p = shared[k]
        for m in range(k + 1, shared.size):
            to, source = inner[k, m], block[p, shared[m]]
            for lane in range(LANES):
                to[lane] += source[lane]
        for i in range(kept.size):
            to, source = outer[k, first + i], block[min(p, kept[i]), max(p, kept[i])]
            for lane in range(LANES):
                to[lane] = source[lane]
    for i in range(kept.size):
        for j in range(i + 1, kept.size):
            to, source = mesh[first + i, first + j], block[kept[i], kept[j]]
            for lane in range(LANES):
                to[lane] = source[lane]


@_helper
def _sweep_lanes(inner, outer, total):
    shared, kept = outer.shape[0], outer.shape[1]
    for k in range(shared):
        total[:] = 0.0
        for m in range(k + 1, shared):
            link = inner[k, m]
            for lane in range(LANES):
                total[lane] += link[lane]
        for i in range(kept):
            link = outer[k, i]
            for lane in range(LANES):
                total[lane] += link[lane]
        for lane in range(LANES):
            total[lane] = 1.0 / np.sqrt(total[lane]) if total[lane] > 0.0 else 0.0
        for m in range(k + 1, shared):
            link = inner[k, m]
            for lane in range(LANES):
                link[lane] *= total[lane]
        for i in range(kept):
            link = outer[k, i]
            for lane in range(LANES):
                link[lane] *= total[lane]
        for m in range(k + 1, shared):
            share = inner[k, m]
            for n in range(m + 1, shared):
                to, link = inner[m, n], inner[k, n]
                for lane in range(LANES):
                    to[lane] += share[lane] * link[lane]
            for i in range(kept):
                to, link = outer[m, i], outer[k, i]
                for lane in range(LANES):
                    to[lane] += share[lane] * link[lane]


@_helper
def _mesh_lanes(outer, mesh):
    shared, kept = outer.shape[0], outer.shape[1]
    for i in range(kept):
        for j in range(i + 1, kept):
            to, k = mesh[i, j], 0
            while k + 2 <= shared:
                a, b, c, d = outer[k, i], outer[k, j], outer[k + 1, i], outer[k + 1, j]
                for lane in range(LANES):
                    to[lane] += a[lane] * b[lane] + c[lane] * d[lane]
                k += 2
            if k < shared:
                a, b = outer[k, i], outer[k, j]
                for lane in range(LANES):
                    to[lane] += a[lane] * b[lane]


@_helper
def _join_lanes(blocks, side, rows, columns, across):
    """Join all pairs of neighbours, left and right (across) or upper and lower."""
    shared_a, shared_b = (RIGHT, LEFT) if across else (BOTTOM, TOP)
    at_a, _, kept_a = _split(side, shared_a, 0)
    at_b, _, kept_b = _split(side, shared_b, 0)
    shared, kept = at_a.size, kept_a.size + kept_b.size
    joined_rows = rows if across else rows // 2
    joined_columns = columns // 2 if across else columns
    joined = np.zeros((joined_rows * joined_columns, kept, kept, LANES))
    inner, outer = np.empty((shared, shared, LANES)), np.empty((shared, kept, LANES))
    total = np.empty(LANES)
    for i in range(joined_rows):
        for j in range(joined_columns):
            a = i * columns + 2 * j if across else 2 * i * columns + j
            b = a + 1 if across else a + columns
            mesh = joined[i * joined_columns + j]
            inner[:] = 0.0
            _gather_lanes(blocks[a], at_a, kept_a, 0, inner, outer, mesh)
            _gather_lanes(blocks[b], at_b, kept_b, kept_a.size, inner, outer, mesh)
            _sweep_lanes(inner, outer, total)
            _mesh_lanes(outer, mesh)
    return joined, _sides(side, kept_a, side, kept_b)


@_helper
def _gather(block, shared, kept, line, first, inner, outer, mesh):
    for k in range(shared.size):
        p = shared[k]
        row, to, places = block[p], inner[line + k, line + k + 1 :], shared[k + 1 :]
        for m in range(places.size):
            to[m] += row[places[m]]
        to, i = outer[line + k, first:], kept.size
        while i > 0 and kept[i - 1] > p:
            i -= 1
            to[i] = row[kept[i]]
    for i in range(kept.size):
        p, k = kept[i], shared.size
        row, to, places = block[p], mesh[first + i, first + i + 1 :], kept[i + 1 :]
        for j in range(places.size):
            to[j] = row[places[j]]
        while k > 0 and shared[k - 1] > p:
            k -= 1
            outer[line + k, first + i] = row[shared[k]]


@_helper
def _between(block, shared, dropped, line, inner):
    """Conductances between shared and dropped ports of a block."""
    for k in range(shared.size):
        for d in range(dropped.size):
            low, high = min(shared[k], dropped[d]), max(shared[k], dropped[d])
            inner[k, line + d] = block[low, high]


@_helper
def _assemble(block_a, side_a, block_b, side_b, across, dropped):
    """Put two blocks beside each other: the ports that go, how they lead to those that stay."""
    shared_a, shared_b = (RIGHT, LEFT) if across else (BOTTOM, TOP)
    at_a, gone_a, kept_a = _split(side_a, shared_a, dropped)
    at_b, gone_b, kept_b = _split(side_b, shared_b, dropped)
    shared, first_b = at_a.size, at_a.size + gone_a.size
    gone, kept = first_b + gone_b.size, kept_a.size + kept_b.size
    inner, outer, mesh = np.zeros((gone, gone)), np.zeros((gone, kept)), np.empty((kept, kept))
    mesh[: kept_a.size, kept_a.size :] = 0.0
    _gather(block_a, at_a, kept_a, 0, 0, inner, outer, mesh)
    _gather(block_b, at_b, kept_b, 0, kept_a.size, inner, outer, mesh)
    if gone > shared:
        _gather(block_a, gone_a, kept_a, shared, 0, inner, outer, mesh)
        _gather(block_b, gone_b, kept_b, first_b, kept_a.size, inner, outer, mesh)
        _between(block_a, at_a, gone_a, shared, inner)
        _between(block_b, at_b, gone_b, first_b, inner)
    return inner, outer, mesh, _sides(side_a, kept_a, side_b, kept_b)


@_helper
def _sweep(inner, outer):
    shared = len(outer)
    for k in range(shared):
        links, leads = inner[k, k + 1 :], outer[k]
        total = 0.0
        for m in range(links.size):
            total += links[m]
        for i in range(leads.size):
            total += leads[i]
        scale = 1.0 / np.sqrt(total) if total > 0.0 else 0.0
        for m in range(links.size):
            links[m] *= scale
        for i in range(leads.size):
            leads[i] *= scale
        for m in range(links.size):
            share, others = links[m], links[m + 1 :]
            to = inner[k + 1 + m, k + 2 + m :]
            for n in range(to.size):
                to[n] += share * others[n]
            to = outer[k + 1 + m]
            for i in range(to.size):
                to[i] += share * leads[i]


@_helper
def _mesh(outer, mesh):
    shared, kept = outer.shape
    k = 0
    while k + 8 <= shared:
        for i in range(kept):
            to = mesh[i, i:]
            a, b, c, d = outer[k, i:], outer[k + 1, i:], outer[k + 2, i:], outer[k + 3, i:]
            e, f, g, h = outer[k + 4, i:], outer[k + 5, i:], outer[k + 6, i:], outer[k + 7, i:]
            ai, bi, ci, di, ei, fi, gi, hi = a[0], b[0], c[0], d[0], e[0], f[0], g[0], h[0]
            for j in range(to.size):
                to[j] += (
                    (ai * a[j] + bi * b[j]) + (ci * c[j] + di * d[j])
                    + (ei * e[j] + fi * f[j]) + (gi * g[j] + hi * h[j])
                )  # fmt: skip
        k += 8
    while k < shared:
        for i in range(kept):
            to, a = mesh[i, i:], outer[k, i:]
            ai = a[0]
            for j in range(to.size):
                to[j] += ai * a[j]
        k += 1


@_helper
def _join(block_a, side_a, block_b, side_b, across, dropped):
    inner, outer, mesh, side = _assemble(block_a, side_a, block_b, side_b, across, dropped)
    _sweep(inner, outer)
    _mesh(outer, mesh)
    return mesh, side


@_helper
def _join_grid(blocks, rows, columns, across, dropped):
    joined = []
    joined_rows, joined_columns = (rows, columns // 2) if across else (rows // 2, columns)
    for i in range(joined_rows):
        for j in range(joined_columns):
            a = i * columns + 2 * j if across else 2 * i * columns + j
            b = a + 1 if across else a + columns
            ends = dropped & (1 << TOP) if i == 0 else 0
            if j == joined_columns - 1:
                ends |= dropped & (1 << RIGHT)
            joined.append(
                _join(blocks[a][0], blocks[a][1], blocks[b][0], blocks[b][1], across, ends)
            )
    return joined


@_helper
def _lane(blocks, side, lane, high, wide):
    """Take one region out of the lanes, without the lines that lie beyond the block."""
    kept = np.empty(side.size, np.uint64)
    seen = np.zeros(4, np.int64)
    count = 0
    for p in range(side.size):
        seen[side[p]] += 1
        if seen[side[p]] <= (high if side[p] in (LEFT, RIGHT) else wide):
            kept[count] = p
            count += 1
    block, kept_side = np.zeros((count, count)), np.empty(count, np.int64)
    for i in range(count):
        kept_side[i] = side[kept[i]]
        plane, to, places = blocks[0, kept[i]], block[i, i + 1 :], kept[i + 1 : count]
        for j in range(places.size):
            to[j] = plane[places[j], lane]
    return block, kept_side


@_kernel
def block_of_cells(g, row_ohm, column_ohm, dropped):
    """Return the mesh of a block of cells and the sides of its ports.

    `dropped` has a bit for each side, RIGHT and TOP, on which all lines end.
    """
    high, wide = g.shape
    region_high = region_wide = 1
    while LANES_HIGH * region_high < high:
        region_high *= 2
    while LANES_WIDE * region_wide < wide:
        region_wide *= 2
    regions = _cells(g, row_ohm, column_ohm, region_high, region_wide)
    side = np.arange(4)
    rows, columns = region_high, region_wide
    while rows * columns > 1:
        across = columns > 1 and columns >= rows
        regions, side = _join_lanes(regions, side, rows, columns, across)
        rows, columns = (rows, columns // 2) if across else (rows // 2, columns)
    blocks = []
    for row in range(LANES_HIGH):
        left_high = min(max(high - row * region_high, 0), region_high)
        for column in range(LANES_WIDE):
            left_wide = min(max(wide - column * region_wide, 0), region_wide)
            lane = row * LANES_WIDE + column
            blocks.append(_lane(regions, side, lane, left_high, left_wide))
    rows, columns = LANES_HIGH, LANES_WIDE
    while rows * columns > 1:
        across = columns > 1 and columns >= rows
        blocks = _join_grid(blocks, rows, columns, across, dropped)
        rows, columns = (rows, columns // 2) if across else (rows // 2, columns)
    return blocks[0]


@_kernel
def assemble(block_a, side_a, block_b, side_b, across):
    """Return what `eliminate` needs to join two blocks, and the sides of the joined block.

    The first of it is the matrix of the shared ports: the sum of each on its diagonal, less the
    conductances between them above it. A port that leads nowhere has 1 there.
    """
    inner, outer, mesh, side = _assemble(block_a, side_a, block_b, side_b, across, 0)
    return _laplacian(inner, outer), outer, mesh, side


@_helper
def _laplacian(inner, outer):
    shared, kept = outer.shape
    total = np.zeros(shared)
    for k in range(shared):
        for i in range(kept):
            total[k] += outer[k, i]
        for m in range(k + 1, shared):
            total[k] += inner[k, m]
            total[m] += inner[k, m]
            inner[k, m] = -inner[k, m]
    for k in range(shared):
        inner[k, k] = total[k] if total[k] > 0.0 else 1.0
    return inner


@_kernel
def sweep(laplacian, outer, mesh):
    """Take the shared ports out one by one, where a factorization cannot."""
    inner = -laplacian
    _sweep(inner, outer)
    _mesh(outer, mesh)


@_kernel
def ordered(block, order):
    """Return the whole symmetric mesh with its ports in another order."""
    whole = np.zeros((order.size, order.size))
    for i in range(order.size):
        for j in range(i + 1, order.size):
            low, high = min(order[i], order[j]), max(order[i], order[j])
            whole[i, j] = block[low, high]
    for i in range(order.size):
        for j in range(i):
            whole[i, j] = whole[j, i]
    return whole
