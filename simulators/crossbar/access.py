"""What stands in series with each memory device: a transistor (1T1R) or a selector (1S1R).

The memory device lies on the side of the row, the access device between it and the column. What
flows is found for each cell by itself, so that the network sees one current between two nodes.
"""

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.simulators.crossbar.network import spread_v
from hil.units import quantity

if TYPE_CHECKING:
    from hil.simulators.crossbar.cells import Law

Floats = NDArray[np.float64]


class Transistor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An n-channel transistor whose gate is a line along the row, by the square law.

    The level-1 model of SPICE without body effect (H. Shichman and D. A. Hodges, IEEE J.
    Solid-State Circuits 3(3), 285 (1968), doi 10.1109/JSSC.1968.1049902), and a conductance that
    is always there. Its ends are alike: the lower one is the source::

        I = (k/2 [max(V_G - V_T - V_S, 0)^2 - max(V_G - V_T - V_D, 0)^2]) (1 + lambda |V_DS|)
            + G_off V_DS

    Not modelled: body effect, current below the threshold (G_off apart), gate current, breakdown.
    """

    threshold_v: Annotated[float, quantity("V", "V_T, gate to the lower end")] = 0.5
    k_a_per_v2: Annotated[float, quantity("A/V2", "transconductance, KP W/L", gt=0)] = 1e-3
    lambda_per_v: Annotated[float, quantity("1/V", "channel-length modulation", ge=0)] = 0.0
    off_s: Annotated[float, quantity("S", "conductance that is always there", ge=0)] = 0.0

    def __post_init__(self) -> None:
        if not (
            math.isfinite(self.threshold_v)
            and 0 < self.k_a_per_v2 < math.inf
            and 0 <= self.lambda_per_v < math.inf
            and 0 <= self.off_s < math.inf
        ):
            raise ConfigError(
                f"{self} is no transistor: k_a_per_v2 must be above 0, lambda_per_v and off_s at "
                "least 0, all finite"
            )

    def linearised(
        self, drain_v: Floats, source_v: Floats, gate_v: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Compute the current from drain to source and its slopes; either end may be the lower.

        Parameters
        ----------
        drain_v, source_v : (rows, columns) float64
            Potentials (V).
        gate_v : (rows,) float64
            Likewise, of each row's gate.

        Returns
        -------
        current_a, drain_slope_s, source_slope_s : (rows, columns) float64
            Current (A), how it grows with drain_v, and how it falls with source_v (S).
        """
        from hil.simulators.crossbar.access_kernel import square_law

        current_a, drain_s, source_s = np.empty((3, *drain_v.shape))
        square_law(
            drain_v, source_v, gate_v - self.threshold_v, float(self.k_a_per_v2),
            float(self.lambda_per_v), float(self.off_s), current_a, drain_s, source_s,
        )  # fmt: skip
        return current_a, drain_s, source_s


class Selector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exponential selector, alike both ways: ``I = I0 sinh(V/V0)``.

    The plainest law with a leakage, I0/V0, and a decade of current for each 2.3 V0. The defaults
    are of no published device: 9 uA at 1 V, and 4,000 times less at half of it. Not modelled:
    thresholds that snap and their hysteresis, delay, heat.
    """

    i0_a: Annotated[float, quantity("A", "current prefactor", gt=0)] = 1e-12
    v0_v: Annotated[float, quantity("V", "scale of the sinh", gt=0)] = 0.06

    def __post_init__(self) -> None:
        if not (0 < self.i0_a < math.inf and 0 < self.v0_v < math.inf):
            raise ConfigError(f"{self} is no selector: i0_a and v0_v must be above 0 and finite")

    def voltage_v(self, current_a: Floats) -> tuple[Floats, Floats]:
        """Compute the voltage that a current needs (V), and its slope dV/dI (ohm)."""
        return (
            self.v0_v * np.arcsinh(current_a / self.i0_a),
            self.v0_v / np.hypot(self.i0_a, current_a),
        )


Access = Transistor | Selector


class WithAccess(ABC):
    """Cells with an access device in series with each memory device; make one with `with_access`.

    Attributes
    ----------
    law : Law
        The memory devices.
    memory_v : (rows, columns) float64
        Voltage across each memory device where the law was asked last (V).
    """

    def __init__(self, law: "Law") -> None:
        self.law, self.rows, self.columns = law, law.rows, law.columns
        self.memory_v: Floats = np.zeros((law.rows, law.columns))

    @abstractmethod
    def _miss(self, memory_v: Floats) -> tuple[Floats, Floats]:
        """Compute what is not right at voltages of the memory devices, and its slope."""

    def _first_v(self, voltage_v: Floats) -> Floats:
        """Guess the voltage across each memory device where nothing is known."""
        return 0.5 * voltage_v

    def _divide(self, voltage_v: Floats, size_v: Floats) -> Floats:
        """Find the voltage across each memory device, beginning with the last ones."""
        from hil.simulators.models.roots import rising_root

        start_v = np.where(self.memory_v == 0, self._first_v(voltage_v), self.memory_v)
        low_v, high_v = np.minimum(voltage_v, 0.0), np.maximum(voltage_v, 0.0)
        self.memory_v = rising_root(self._miss, low_v, high_v, start_v, size_v)
        return self.memory_v


class WithSelector(WithAccess):
    """Memory devices with a `Selector` in series: a `Law`."""

    def __init__(self, law: "Law", selector: Selector) -> None:
        super().__init__(law)
        self._selector, self._voltage_v = selector, np.zeros((law.rows, law.columns))

    def linearised(self, voltage_v: Floats) -> tuple[Floats, Floats]:
        """Compute currents (A) and slopes dI/dV (S) at voltages of the whole cells."""
        self._voltage_v = voltage_v
        current_a, slope_s = self.law.linearised(self._divide(voltage_v, np.abs(voltage_v)))
        return current_a, slope_s / (1.0 + slope_s * self._selector.voltage_v(current_a)[1])

    def _miss(self, memory_v: Floats) -> tuple[Floats, Floats]:
        current_a, slope_s = self.law.linearised(memory_v)
        selector_v, slope_ohm = self._selector.voltage_v(current_a)
        return memory_v + selector_v - self._voltage_v, 1.0 + slope_ohm * slope_s


class WithTransistor(WithAccess):
    """Memory devices with a `Transistor` in series: a `GatedLaw`, as the gate refers to ground."""

    def __init__(self, law: "Law", transistor: Transistor, gate_v: Floats) -> None:
        super().__init__(law)
        self._transistor, self._gate_v = transistor, gate_v
        self._row_v = self._column_v = np.zeros((law.rows, law.columns))

    def linearised_at(
        self, row_node_v: Floats, column_node_v: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Compute currents (A) and slopes with both potentials (S), see `GatedLaw`."""
        self._row_v, self._column_v = row_node_v, column_node_v
        size_v = np.maximum(np.abs(row_node_v), np.abs(column_node_v))
        memory_v = self._divide(row_node_v - column_node_v, size_v)
        current_a, slope_s = self.law.linearised(memory_v)
        _, drain_s, source_s = self._through(memory_v)
        both_s = slope_s + drain_s
        share = np.divide(slope_s, both_s, out=np.zeros_like(both_s), where=both_s > 0)
        return current_a, share * drain_s, share * source_s

    def _miss(self, memory_v: Floats) -> tuple[Floats, Floats]:
        current_a, slope_s = self.law.linearised(memory_v)
        through_a, drain_s, _ = self._through(memory_v)
        return current_a - through_a, slope_s + drain_s

    def _first_v(self, voltage_v: Floats) -> Floats:
        """Guess half, and nothing where the gate is closed: from there it would be a long way."""
        closed = self._through(np.zeros_like(voltage_v))[0] == 0.0
        return np.where(closed, 0.0, 0.5 * voltage_v)

    def _through(self, memory_v: Floats) -> tuple[Floats, Floats, Floats]:
        inner_v = self._row_v - memory_v
        return self._transistor.linearised(inner_v, self._column_v, self._gate_v)


def with_access(
    law: "Law", access: Access, gate_v: ArrayLike | None = None
) -> WithSelector | WithTransistor:
    """Put an access device in series with each cell of a law.

    Parameters
    ----------
    law : Law
        The memory devices.
    access : Transistor or Selector
        The same for all cells.
    gate_v : float or (rows,), for a transistor
        Voltage of each row's gate line (V), to ground.

    Returns
    -------
    WithSelector or WithTransistor
        A `Law` with a selector, a `GatedLaw` with a transistor.

    Raises
    ------
    ConfigError
        A transistor has no gate voltage, a selector has one, or it is not a number for each row.
    """
    if isinstance(access, Selector):
        if gate_v is not None:
            raise ConfigError("a selector has no gate: leave gate_v out, or use a transistor")
        return WithSelector(law, access)
    if gate_v is None:
        raise ConfigError("cells with a transistor need gate_v, a voltage for each row's gate")
    return WithTransistor(law, access, spread_v("gate_v", gate_v, law.rows))
