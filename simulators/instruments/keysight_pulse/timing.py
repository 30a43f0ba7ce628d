"""Period, width and edges of a pulse: what does not fit is made to fit."""

from typing import NamedTuple

from hil.simulators.instruments.keysight_pulse.model import Model


class Timing(NamedTuple):
    """A pulse: width between 50 % points, edges from 10 to 90 % (s)."""

    period_s: float
    width_s: float
    lead_s: float
    trail_s: float


def fitted(timing: Timing, model: Model) -> Timing:
    """Shorten the edges first, then the width (33220A user's guide, pulse configuration).

    Both edges need `Model.edge_room` of the pulse and of the pause after it.
    """
    period_s, width_s, lead_s, trail_s = timing
    least_s = 2 * model.edge_room * model.least_edge_s
    width_s = max(min(width_s, period_s - least_s), model.least_width_s)
    room_s = min(width_s, period_s - width_s) / model.edge_room
    wanted_s = lead_s + trail_s
    if wanted_s > room_s * (1 + 1e-9):
        share = max(room_s, 0.0) / wanted_s
        lead_s, trail_s = lead_s * share, trail_s * share
    least = model.least_edge_s
    return Timing(period_s, width_s, max(lead_s, least), max(trail_s, least))
