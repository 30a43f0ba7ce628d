"""The SMUs of the virtual 4200A as commands reach them: user mode, and how all of them measure.

Source: KXCI Programming manual 4200A-KXCI-907-01 Rev D, sections 3 to 5.
"""

from collections.abc import Callable
from typing import ClassVar

from hil.simulators.instruments.keithley4200.smu import Integration, Smu
from hil.simulators.instruments.kxci import Refused, engineering, expect, integer, number
from hil.simulators.instruments.lab.lab import Lab

_LEVELS_V = {0: 210.0, 1: 21.0, 2: 210.0, 3: 210.0, 4: 0.21, 5: 2.1}
"""Largest voltage by the range number of `DV` (V)."""
_RANGES_A = {
    0: 1.05, 1: 1e-9, 2: 10e-9, 3: 100e-9, 4: 1e-6, 5: 10e-6, 6: 100e-6, 7: 1e-3, 8: 10e-3,
    9: 100e-3, 10: 1.0, 11: 1e-12, 12: 10e-12, 13: 100e-12,
}  # fmt: skip
"""Current by the range number of `DI` (A)."""


class Panel:
    """All SMUs, their integration and ranges, and the commands that force and read one of them.

    Parameters
    ----------
    lab : Lab
        Its clock.
    smus : dict of int to Smu
        What is built in.
    interlocked : callable
        Tells whether the interlock is open; results read 0 then.
    """

    def __init__(self, lab: Lab, smus: dict[int, Smu], interlocked: Callable[[], bool]) -> None:
        self._lab = lab
        self.smus = smus
        self.interlocked = interlocked
        self.integration = Integration()
        self.ranges: dict[int, Integration] = {}

    def reset(self) -> None:
        """Go to 0 V and off everywhere, and measure as after power-on."""
        self.off()
        self.integration = Integration()
        self.ranges.clear()

    def off(self) -> None:
        """Bring every source to 0 V, then off."""
        for smu in self.smus.values():
            smu.off(self._lab.now_s())

    def integration_of(self, smu: int) -> Integration:
        """Say how an SMU measures: what is set for all, with its own ranges."""
        own = self.ranges.get(smu, Integration())
        return self.integration._replace(lowest_a=own.lowest_a, fixed_a=own.fixed_a)

    def obey(self, word: str, arguments: list[str]) -> str | None:
        """Do one of `COMMANDS`; raises Refused."""
        told: str | None = self.COMMANDS[word](self, arguments)
        return told

    def _lowest_range(self, arguments: list[str]) -> None:
        channel, lowest = expect(arguments, 2)
        self.ranges[self.at(channel).number] = Integration(lowest_a=number(lowest))

    def _fixed_range(self, arguments: list[str]) -> None:
        channel, fixed, _ = expect(arguments, 3)
        smu = self.at(channel)
        range_a = next((r for r in smu.ranges_a if r >= number(fixed) * (1 - 1e-9)), None)
        if range_a is None:
            raise Refused(-993)
        self.ranges[smu.number] = Integration(fixed_a=range_a)

    def _voltage_range(self, arguments: list[str]) -> None:
        channel, *rest = expect(arguments, 3)
        self.at(channel)
        for text in rest:
            number(text)

    def _integration(self, arguments: list[str]) -> None:
        kind, *rest = expect(arguments, 1, 4)
        cycles = {1: 0.1, 2: 1.0, 3: 10.0}.get(integer(kind, 1, 4))
        if cycles is None:
            cycles = number(expect(rest, 3)[2])
        if not 0.01 <= cycles <= 100.0:
            raise Refused(-993)
        self.integration = self.integration._replace(cycles=cycles)

    def _resolution(self, arguments: list[str]) -> None:
        digits = integer(expect(arguments, 1)[0], 3, 7)
        self.integration = self.integration._replace(digits=digits)

    def _force_voltage(self, arguments: list[str]) -> None:
        self._force(arguments, _LEVELS_V, current=False)

    def _force_current(self, arguments: list[str]) -> None:
        self._force(arguments, _RANGES_A, current=True)

    def _force(self, arguments: list[str], ranges: dict[int, float], *, current: bool) -> None:
        smu = self.at(expect(arguments, 1, 4)[0])
        if len(arguments) == 1:
            smu.off(self._lab.now_s())
            return
        _, range_text, value, compliance = expect(arguments, 4)
        if abs(number(value)) > ranges[integer(range_text, 0, len(ranges) - 1)]:
            raise Refused(-993)
        smu.force(smu.checked(current, number(value), number(compliance)), self._lab.now_s())

    def _tell_current(self, arguments: list[str]) -> str:
        return self._tell(arguments, "I")

    def _tell_voltage(self, arguments: list[str]) -> str:
        return self._tell(arguments, "V")

    def _tell(self, arguments: list[str], quantity: str) -> str:
        smu = self.at(expect(arguments, 1)[0])
        letters = f"{chr(ord('A') + smu.number - 1)}{quantity} "
        if self.interlocked():
            return f"N{letters}0.0000"
        reading = smu.measure(self.integration_of(smu.number), self._lab.now_s())
        value = reading.current_a[0] if quantity == "I" else reading.voltage_v[0]
        told = engineering(float(value), self.integration.digits)
        return f"{'C' if reading.compliance[0] else 'N'}{letters}{told}"

    def at(self, text: str) -> Smu:
        """Find an SMU by its number; raises Refused (-979)."""
        smu = self.smus.get(integer(text, 1, 9))
        if smu is None:
            raise Refused(-979)
        return smu

    COMMANDS: ClassVar[dict[str, Callable[["Panel", list[str]], str | None]]] = {
        "IT": _integration,
        "RS": _resolution,
        "RG": _lowest_range,
        "RI": _fixed_range,
        "RV": _voltage_range,
        "DV": _force_voltage,
        "DI": _force_current,
        "TI": _tell_current,
        "TV": _tell_voltage,
    }
