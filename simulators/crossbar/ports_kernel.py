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

from hil.simulators.crossbar.lines_kernel import HELPER

LANES_HIGH, LANES_WIDE = 4, 8
LANES = LANES_HIGH * LANES_WIDE
LEFT, RIGHT, TOP, BOTTOM = 0, 1, 2, 3
NONE = np.int64(0)  # a plain 0 is a type of its own, for which all is compiled once more
IDEAL_S = 1e20  # what an ideal wire conducts: nothing else of an array comes within 1e16 of it

_helper = njit(**HELPER)
_in_place = njit(inline="always", **HELPER)  # called from one place: not compiled by itself
_kernel = njit(
    error_model="numpy", nogil=True, fastmath={"contract", "reassoc", "nsz"}, cache=True
)


@_helper
def _wire_s(ohm):
    return 1.0 / ohm if ohm * IDEAL_S > 1.0 else IDEAL_S


@_in_place
def _cells(g, row_ohm, column_ohm, region_high, region_wide):
    """Put single cells into the lanes; beyond the block stand lines without cells."""
    cells = np.empty((region_high * region_wide, 4, 4, LANES))
    cells[:] = 0.0
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
def _places(side_a, side_b, across, dropped, place, order, kept):
    """Order the ports of two blocks: those that they share, others that go, those that stay.

    Left and right (across) or upper and lower. Fills in the `place` (2, ports) of each port in
    this order, the ports of each block in this `order` (2, ports), and the sides of those `kept`.
    Returns how many go, how many there are, and how many of the first block stay.
    """
    at = gone = first_b = 0
    count_a = count_b = 0
    for rank in range(3):
        for which in range(2):
            side, count = (side_a, count_a) if which == 0 else (side_b, count_b)
            shared = (RIGHT if which == 0 else LEFT) if across else (BOTTOM if which == 0 else TOP)
            if rank == 0:
                at = 0
            if rank == 2 and which == 0:
                gone, first_b = at, side.size - count
            for p in range(side.size):
                if rank == (0 if side[p] == shared else 2 - ((dropped >> side[p]) & 1)):
                    place[which, p] = at
                    order[which, count] = p
                    count += 1
                    if rank == 2:
                        kept[at - gone] = side[p]
                    at += 1
            if which == 0:
                count_a = count
            else:
                count_b = count
    return gone, at, first_b


@_helper
def _put_lanes(block, place, gone, top, mesh):
    for p in range(place.size):
        at = place[p]
        for q in range(p + 1, place.size):
            low, high = (at, place[q]) if at < place[q] else (place[q], at)
            to = top[low, high] if low < gone else mesh[low - gone, high - gone]
            source = block[p, q]
            for lane in range(LANES):
                to[lane] += source[lane]


@_helper
def _sweep_lanes(top, total):
    gone, size = top.shape[0], top.shape[1]
    for k in range(gone):
        for lane in range(LANES):
            total[lane] = 0.0
        for i in range(k + 1, size):
            link = top[k, i]
            for lane in range(LANES):
                total[lane] += link[lane]
        for lane in range(LANES):
            total[lane] = 1.0 / np.sqrt(total[lane]) if total[lane] > 0.0 else 0.0
        for i in range(k + 1, size):
            link = top[k, i]
            for lane in range(LANES):
                link[lane] *= total[lane]
        for m in range(k + 1, gone):
            share = top[k, m]
            for i in range(m + 1, size):
                to, link = top[m, i], top[k, i]
                for lane in range(LANES):
                    to[lane] += share[lane] * link[lane]


@_helper
def _mesh_lanes(top, mesh):
    gone = top.shape[0]
    for i in range(mesh.shape[0]):
        for j in range(i + 1, mesh.shape[0]):
            to, k = mesh[i, j], 0
            while k + 2 <= gone:
                a, b = top[k, gone + i], top[k, gone + j]
                c, d = top[k + 1, gone + i], top[k + 1, gone + j]
                for lane in range(LANES):
                    to[lane] += a[lane] * b[lane] + c[lane] * d[lane]
                k += 2
            if k < gone:
                a, b = top[k, gone + i], top[k, gone + j]
                for lane in range(LANES):
                    to[lane] += a[lane] * b[lane]


@_in_place
def _join_lanes(blocks, side, rows, columns, across):
    """Join all pairs of neighbours; return their meshes and the sides of the ports."""
    place = np.empty((2, side.size), np.int64)
    order = np.empty((2, side.size), np.uint64)
    kept = np.empty(2 * side.size, np.int64)
    total = np.empty(LANES)
    gone, size, _ = _places(side, side, across, NONE, place, order, kept)
    top = np.empty((gone, size, LANES))
    joined = np.empty((rows * columns // 2, size - gone, size - gone, LANES))
    joined[:] = 0.0
    for pair in range(rows * columns // 2):
        a = 2 * pair if across else pair + pair // columns * columns
        b = a + 1 if across else a + columns
        top[:] = 0.0
        _put_lanes(blocks[a], place[0], gone, top, joined[pair])
        _put_lanes(blocks[b], place[1], gone, top, joined[pair])
        _sweep_lanes(top, total)
        _mesh_lanes(top, joined[pair])
    return joined, kept[: size - gone]


@_helper
def _put(block, place, order, first, stays, top, mesh):
    """Put what a block holds between ports that go and all others into `top`, the rest into mesh.

    The last ports of the `order` stay; they come in the mesh from `first` on.
    """
    goes = order.size - stays
    at = top.shape[0] + first
    going, staying = order[:goes], order[goes:]
    for k in range(goes):
        p = going[k]
        row, to, i = block[p], top[place[p], at:], stays
        while i > 0 and staying[i - 1] > p:
            i -= 1
            to[i] = row[staying[i]]
        for m in range(k + 1, goes):
            q = going[m]
            top[place[p], place[q]] += row[q] if p < q else block[q, p]
    for i in range(stays):
        p = staying[i]
        row, to, places = block[p], mesh[first + i, first + i + 1 :], staying[i + 1 :]
        for j in range(places.size):
            to[j] = row[places[j]]
        for k in range(goes):
            q = going[k]
            if q > p:
                top[place[q], at + i] = row[q]


@_helper
def _sweep(top):
    """Take the ports out one by one; what they leave between the others belongs to `_mesh`."""
    gone = top.shape[0]
    for k in range(gone):
        links = top[k, k + 1 :]
        total = 0.0
        for i in range(links.size):
            total += links[i]
        scale = 1.0 / np.sqrt(total) if total > 0.0 else 0.0
        for i in range(links.size):
            links[i] *= scale
        for m in range(gone - k - 1):
            share, others, to = links[m], links[m + 1 :], top[k + 1 + m, k + 2 + m :]
            for i in range(to.size):
                to[i] += share * others[i]


@_helper
def _mesh(top, mesh):
    """Put in what the ports taken out leave between those that stay."""
    gone, k = top.shape[0], 0
    while k + 8 <= gone:
        for i in range(top.shape[1] - gone):
            to, at = mesh[i, i:], gone + i
            a, b, c, d = top[k, at:], top[k + 1, at:], top[k + 2, at:], top[k + 3, at:]
            e, f, g, h = top[k + 4, at:], top[k + 5, at:], top[k + 6, at:], top[k + 7, at:]
            ai, bi, ci, di, ei, fi, gi, hi = a[0], b[0], c[0], d[0], e[0], f[0], g[0], h[0]
            for j in range(a.size):
                to[j] += (
                    (ai * a[j] + bi * b[j]) + (ci * c[j] + di * d[j])
                    + (ei * e[j] + fi * f[j]) + (gi * g[j] + hi * h[j])
                )  # fmt: skip
        k += 8
    while k < gone:
        for i in range(top.shape[1] - gone):
            to, a = mesh[i, i:], top[k, gone + i :]
            ai = a[0]
            for j in range(a.size):
                to[j] += ai * a[j]
        k += 1


@_in_place
def _join(blocks, counts, sides, rows, columns, across, dropped, size):
    """Join all pairs of neighbours, as `_join_lanes`, where not all are alike.

    `counts` says how many ports each block has, and is changed; `size` is the most that a joined
    one has.
    """
    place = np.empty((2, sides.shape[1]), np.int64)
    order = np.empty((2, sides.shape[1]), np.uint64)
    joined = np.empty((rows * columns // 2, size, size))
    joined[:] = 0.0
    joined_sides = np.empty((rows * columns // 2, 2 * sides.shape[1]), np.int64)
    for pair in range(rows * columns // 2):
        a = 2 * pair if across else pair + pair // columns * columns
        b = a + 1 if across else a + columns
        ends = dropped & (1 << TOP) if a < columns else 0
        if b % columns == columns - 1:
            ends |= dropped & (1 << RIGHT)
        side_a, side_b = sides[a, : counts[a]], sides[b, : counts[b]]
        kept, mesh = joined_sides[pair], joined[pair]
        gone, ports, first_b = _places(side_a, side_b, across, ends, place, order, kept)
        top = np.empty((gone, ports))
        top[:] = 0.0
        rest = ports - gone - first_b
        _put(blocks[a], place[0], order[0, : counts[a]], NONE, first_b, top, mesh)
        _put(blocks[b], place[1], order[1, : counts[b]], first_b, rest, top, mesh)
        _sweep(top)
        _mesh(top, mesh)
        counts[pair] = ports - gone
    return joined, joined_sides


@_in_place
def _lane(blocks, side, lane, high, wide, block, kept_side):
    """Take one region out of the lanes, without the lines that lie beyond the block."""
    kept = np.empty((2, side.size), np.uint64)[0]
    seen = np.empty(4, np.int64)
    seen[:] = 0
    count = 0
    for p in range(side.size):
        seen[side[p]] += 1
        if seen[side[p]] <= (high if side[p] == LEFT or side[p] == RIGHT else wide):
            kept[count] = p
            kept_side[count] = side[p]
            count += 1
    for i in range(count):
        plane = blocks[0, kept[i]]
        for j in range(i + 1, count):
            block[i, j] = plane[kept[j], lane]
    return count


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
    side = np.empty(4, np.int64)
    for k in range(4):
        side[k] = k
    rows, columns = region_high, region_wide
    while rows * columns > 1:
        across = columns > 1 and columns >= rows
        regions, side = _join_lanes(regions, side, rows, columns, across)
        rows, columns = (rows, columns // 2) if across else (rows // 2, columns)
    blocks = np.empty((LANES, side.size, side.size))
    sides, counts = np.empty((LANES, side.size), np.int64), np.empty(LANES, np.int64)
    for lane in range(LANES):
        left_high = high - lane // LANES_WIDE * region_high
        left_wide = wide - lane % LANES_WIDE * region_wide
        counts[lane] = _lane(regions, side, lane, left_high, left_wide, blocks[lane], sides[lane])
    rows, columns = LANES_HIGH, LANES_WIDE
    while rows * columns > 1:
        across = columns > 1 and columns >= rows
        size = 2 * (blocks.shape[1] - (region_high if across else region_wide))
        blocks, sides = _join(blocks, counts, sides, rows, columns, across, dropped, size)
        rows, columns = (rows, columns // 2) if across else (rows // 2, columns)
        region_high, region_wide = (
            (region_high, 2 * region_wide) if across else (2 * region_high, region_wide)
        )
    ports = counts[0]
    mesh, side = np.empty((ports, ports)), np.empty(ports, np.int64)
    for i in range(ports):
        side[i] = sides[0, i]
        for j in range(ports):
            mesh[i, j] = blocks[0, i, j]
    return mesh, side


@_kernel
def assemble(block_a, side_a, block_b, side_b, across):
    """Return what `eliminate` needs to join two blocks, and the sides of the joined block.

    The first of it is the matrix of the shared ports: the sum of each on its diagonal, less the
    conductances between them above it. A port that leads nowhere has 1 there.
    """
    most = max(side_a.size, side_b.size)
    place, order = np.empty((2, most), np.int64), np.empty((2, most), np.uint64)
    side = np.empty(side_a.size + side_b.size, np.int64)
    gone, ports, first_b = _places(side_a, side_b, across, NONE, place, order, side)
    kept = ports - gone
    top, mesh = np.empty((gone, ports)), np.empty((kept, kept))
    top[:] = 0.0
    for i in range(first_b):
        for j in range(first_b, kept):
            mesh[i, j] = 0.0
    _put(block_a, place[0], order[0, : side_a.size], NONE, first_b, top, mesh)
    _put(block_b, place[1], order[1, : side_b.size], first_b, kept - first_b, top, mesh)
    laplacian, outer, total = np.empty((gone, gone)), np.empty((gone, kept)), np.empty(gone)
    total[:] = 0.0
    for k in range(gone):
        links, leads, others, to = top[k, k + 1 : gone], top[k, gone:], total[k + 1 :], outer[k]
        own = total[k]
        for i in range(leads.size):
            to[i] = leads[i]
            own += leads[i]
        minus = laplacian[k, k + 1 :]
        for m in range(links.size):
            minus[m] = -links[m]
            others[m] += links[m]
            own += links[m]
        laplacian[k, k] = own if own > 0.0 else 1.0
    return laplacian, outer, mesh, side[:kept]


@_kernel
def sweep(laplacian, outer, mesh):
    """Take the shared ports out one by one, where a factorization cannot."""
    gone, kept = outer.shape
    top = np.empty((gone, gone + kept))
    top[:] = 0.0
    for k in range(gone):
        for m in range(k + 1, gone):
            top[k, m] = -laplacian[k, m]
        for i in range(kept):
            top[k, gone + i] = outer[k, i]
    _sweep(top)
    _mesh(top, mesh)


@_kernel
def ordered(block, order):
    """Return the whole symmetric mesh with its ports in another order."""
    whole = np.empty((order.size, order.size))
    for i in range(order.size):
        whole[i, i] = 0.0
        for j in range(i + 1, order.size):
            low, high = min(order[i], order[j]), max(order[i], order[j])
            whole[i, j] = block[low, high]
    for i in range(order.size):
        for j in range(i):
            whole[i, j] = whole[j, i]
    return whole
