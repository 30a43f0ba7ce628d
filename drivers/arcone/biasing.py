"""What an ArC ONE does with the lines that are not selected."""

from hil.drivers.arcone.board import OPTIONS
from hil.drivers.arcone.unconfirmed import READ_SCHEME
from hil.errors import NotSupported
from hil.program import Demands
from hil.schemes import Biasing

FLOATING = "float"
"""The scheme that holds for reads too."""
GROUNDING = "V/3"
"""One that grounds what is not selected in reads, for vectors on a bench whose lines float."""
OTHERS = {
    "V/2": "cells on the same lines see half of each pulse, booked as disturbs",
    "V/3": "all other cells see a third of each pulse, either way round, booked as disturbs",
    FLOATING: "lines not selected float: up to the whole of each pulse is booked for other cells",
}
"""What pulses do to cells that are not selected, for people."""


class BoardBiasing(Biasing):
    """What a board does with lines that are not selected: one option for pulses and for reads."""

    __slots__ = ()

    def of(self, demands: Demands) -> tuple[str, str]:
        """Name the schemes of a program: for pulses, for reads.

        Raises
        ------
        NotSupported
            For one that a board does not have, or another one for reads than follows from it.
        """
        write = demands.scheme or self.write
        if write not in OPTIONS:
            raise NotSupported(
                f"an ArC ONE does not pulse with lines {write}; it has {', '.join(OPTIONS)}"
            )
        read = write if write == FLOATING else READ_SCHEME
        if demands.read_scheme not in (None, read):
            raise NotSupported(
                f"an ArC ONE that pulses under {write} reads under {read}, not "
                f"{demands.read_scheme}; leave read_scheme out"
            )
        return write, read
