"""What differs between the generators: functions, and limits into 50 ohm."""

from typing import NamedTuple

SOURCE_OHM = 50.0
"""Output resistance of all of them (ohm)."""


class Model(NamedTuple):
    """One type of generator.

    Attributes
    ----------
    functions : tuple of str
        As ``FUNCtion`` names them.
    most_level_v : float
        Largest level of either sign, into 50 ohm (V).
    least_amplitude_v, most_amplitude_v : float
        Peak to peak, into 50 ohm (V).
    least_period_s : dict of str to float
        Shortest period of each function (s); of the others, that of ``""``.
    most_period_s : float
        Longest period (s).
    least_width_s : float
        Shortest pulse, between 50 % points (s).
    least_edge_s, most_edge_s : float
        Edges, 10 to 90 % (s).
    edge_room : float
        What each edge needs of a pulse, and of the pause after it, in units of the edge.
    most_points : int
        Of an arbitrary waveform.
    triggers_without_burst : bool
        Whether a trigger source other than IMMediate makes single pulses when burst is off.
    """

    functions: tuple[str, ...]
    most_level_v: float
    least_amplitude_v: float
    most_amplitude_v: float
    least_period_s: dict[str, float]
    most_period_s: float
    least_width_s: float
    least_edge_s: float
    most_edge_s: float
    edge_room: float
    most_points: int
    triggers_without_burst: bool
