"""What a bench can do, and what it refuses because it cannot."""

from typing import Literal

import msgspec
import numpy as np

from hil.errors import NotSupported
from hil.program import Demands, Program
from hil.units import format_quantity

CurrentLimit = Literal["regulated", "series", "watched", "none"]


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a bench can do; anything else raises NotSupported.

    Attributes
    ----------
    current_limit : str
        How far a current limit is kept: "regulated" by the source, by a "series" resistor, only
        "watched" (seen afterwards), or "none".
    parallel : bool
        Whether all cells get a program at the same time, or one after the other.
    gate, schemes, exact_timing :
        Select gates, array schemes, timing guaranteed by the hardware.
    time_step_s : float
        Resolution of segment durations (s); 0 for any.
    multiplies : bool
        Whether all rows can be driven at once (`Bench.multiply`); which voltages, the bench says.
    presets : bool
        Whether cells can be put at conductances without a pulse (simulated ones only).
    regulates : bool
        Whether programs that demand a regulated limit go to a source which holds it, where the
        others are played by one that does not.
    """

    current_limit: CurrentLimit = "none"
    parallel: bool = False
    gate: bool = False
    schemes: tuple[str, ...] = ()
    exact_timing: bool = False
    time_step_s: float = 0.0
    multiplies: bool = False
    presets: bool = False
    regulates: bool = False

    def limiting(self, demands: Demands) -> CurrentLimit:
        """Tell how the current limit of a program is kept."""
        return "regulated" if demands.regulated and self.regulates else self.current_limit

    def refuse(self, program: Program, name: str) -> None:
        """Raise NotSupported for what a bench called *name* cannot do."""
        demands = program.demands
        if demands.gate_v is not None and not self.gate:
            raise NotSupported(f"bench {name} has no gates; leave gate_v out")
        for scheme in (demands.scheme, demands.read_scheme):
            if scheme is not None and scheme not in self.schemes:
                has = ", ".join(self.schemes) or "none"
                raise NotSupported(f"bench {name} has no scheme {scheme!r}; it has {has}")
        if demands.regulated and self.limiting(demands) not in ("regulated", "series"):
            raise NotSupported(
                f"bench {name} cannot hold a current limit ({self.current_limit}); in its file "
                "name a source that can or state a resistor in series, or take another bench"
            )
        if demands.exact_timing and not self.exact_timing:
            raise NotSupported(f"bench {name} cannot guarantee timing; it reports it instead")
        if demands.regulated and self.regulates:
            return  # played by another source, which has a time of its own
        if self.time_step_s > 0:
            self._refuse_between_steps(program, name)

    def _refuse_between_steps(self, program: Program, name: str) -> None:
        steps = program.duration_s / self.time_step_s
        between = np.abs(steps - np.rint(steps)) > 1e-6 + 1e-14 * steps
        if between.any():
            worst = float(steps[between][0])
            asked, step, lower, upper = (
                format_quantity(count * self.time_step_s, "s", 12)
                for count in (worst, 1, max(1.0, np.floor(worst)), np.ceil(worst))
            )
            raise NotSupported(
                f"bench {name} counts time in {step}, and {asked} lies between; take {lower} or "
                f"{upper} (in a protocol: round_time)"
            )
