"""How the 2450 tells readings: ASCII of some precision, or binary (manual, pages 6-28 to 6-30)."""

import numpy as np

from hil.simulators.instruments.keithley2450.unconfirmed import AUTOMATIC_PRECISION, SEPARATOR
from hil.simulators.instruments.scpi.declare import Setting
from hil.simulators.instruments.scpi.values import Choice, Whole


class Form:
    """``:FORMat``."""

    kind = Setting("[:DATA]", Choice("ASCii", "REAL", "SREal"), "ASC")
    digits = Setting(":ASCii:PRECision", Whole(0, 16), 0)
    order = Setting(":BORDer", Choice("NORMal", "SWAPped"), "SWAP")

    @property
    def is_binary(self) -> bool:
        """Whether readings are told in a block."""
        return self.kind != "ASC"

    def real(self, value: float) -> str:
        """Write a number."""
        return f"{value:.{(self.digits or AUTOMATIC_PRECISION) - 1}E}"

    def joined(self, values: list[str]) -> str:
        """Write several values."""
        return SEPARATOR.join(values)

    def block(self, values: list[float]) -> str:
        """Write numbers in a block that ends with the message."""
        kind = ("<" if self.order == "SWAP" else ">") + ("f8" if self.kind == "REAL" else "f4")
        return "#0" + np.array(values, kind).tobytes().decode("latin-1")
