"""A 4200A-SCS on one cell as a bench: pulses by its PMU, regulated staircases by an SMU.

Both reach the cell through the RPM, whose switch is thrown only while everything is at 0 V and
off. What no manual says is in `unconfirmed`. Not done: the 40 V range, two pulse channels at
once, capacitance.
"""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from hil.bench import Assurance, Bench, Prepared
from hil.capabilities import Capabilities
from hil.cells import Cells, Indices, Sample
from hil.clock import Clock
from hil.drivers.keithley4200.executions import TICKS_PER_S
from hil.drivers.keithley4200.instrument import Keithley4200A, connected
from hil.drivers.keithley4200.pulses import OUTPUT_OHM, Measured, Player, Pulses, prepared_pulses
from hil.drivers.keithley4200.sweeps import Sweep, Sweeper, prepared_sweep
from hil.drivers.safety import failures_of, safe_if_it_fails
from hil.errors import InstrumentError
from hil.guard import SafeMessages
from hil.limits import Limits
from hil.program import Program
from hil.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Callable


class Keithley4200Bench(Bench):
    """One cell between a PMU channel (with RPM) and ground.

    Parameters
    ----------
    name : str
        What the bench is called.
    address : str
        VISA address: ``TCPIP::192.168.0.10::1225::SOCKET``.
    channel : int
        Channel of the PMU, 1 or 2.
    smu : int or None
        SMU that the RPM leads to the same probe; None: there is none.
    series_ohm : float
        Resistor at the cell (ohm).
    line_hz : float
        Line frequency at the instrument (Hz).
    virtual : bool
        Whether the address is that of a virtual instrument.
    limits, clock, sample, sets_at :
        As on any bench.
    """

    def __init__(
        self,
        name: str,
        *,
        address: str,
        channel: int,
        smu: int | None,
        series_ohm: float,
        line_hz: float,
        limits: Limits,
        clock: Clock,
        sample: Sample,
        sets_at: int,
        virtual: bool,
    ) -> None:
        super().__init__(
            name,
            cells=Cells(),
            capabilities=Capabilities(
                current_limit="series" if series_ohm > 0 else "watched",
                exact_timing=True,
                time_step_s=1 / TICKS_PER_S,
                regulates=smu is not None,
            ),
            limits=limits,
            clock=clock,
            sample=sample,
            source_ohm=OUTPUT_OHM + series_ohm,
            sets_at=sets_at,
        )
        self.kind = "virtual" if virtual else "hardware"
        self._address = address
        self._channel = channel
        self._smu = smu
        self._series_ohm = series_ohm
        self._line_hz = line_hz
        self._instrument: Keithley4200A | None = None
        self._player: Player | None = None
        self._sweeper: Sweeper | None = None
        self._at_smu: bool | None = None

    def safe_messages(self) -> tuple[SafeMessages, ...]:
        r"""Tell the guard how to stop and switch off PMU and SMU.

        The first NUL ends a command that the owner left half sent, and ABORT goes with it: it
        must not wait for the pause after each message.
        """
        commands = ["\0:PMU:ABORT", f":PMU:OUTPUT:STATE {self._channel},0"]
        if self._smu is not None:
            commands += ["ME4", f"US;DV{self._smu}"]
        messages = tuple(command.encode("ascii") + b"\0" for command in commands)
        return (SafeMessages(self._address, {}, messages, pause_s=0.05),)

    def assurances(self) -> tuple[Assurance, ...]:
        """Tell how far each promise goes."""
        if self._series_ohm > 0:
            current = Assurance(
                "current of pulses", "assumed", f"{self._series_ohm:g} ohm in series, as stated"
            )
        else:
            current = Assurance(
                "current of pulses", "assumed", "only watched: a PMU does not regulate current"
            )
        found: tuple[Assurance, ...] = (
            *super().assurances(),
            Assurance("timing of pulses", "enforced", "by the PMU's own clock, to 10 ns"),
            current,
        )
        if self.capabilities.regulates:
            found += (
                Assurance(
                    "compliance of sweeps",
                    "assumed",
                    f"set in SMU{self._smu}, which cannot be asked for it",
                ),
                Assurance(
                    "voltages at compliance",
                    "verified",
                    "one that equals its level was not measured and is NaN",
                ),
                Assurance("interlock", "verified", "an open one reads exactly 0 A everywhere"),
            )
        return (*found, Assurance("version", "verified", "the instrument is asked when opened"))

    def identity(self) -> str:
        """Tell what the instrument says it is."""
        return "" if self._instrument is None else self._instrument.describe()

    def _open(self) -> None:
        self.touched = False
        instrument = self._instrument = connected(self._address)
        self.touched = True
        instrument.refuse_unfit(self._smu)
        self._player = Player(instrument, self._channel, self.clock)
        if self._smu is not None:
            self._sweeper = Sweeper(instrument, self._smu, self.clock, self._line_hz)
        self._make_safe()
        self._player.initialise()
        self._at_smu = False

    def _prepare(self, program: Program, _cells: Indices, current_limit_a: float) -> Prepared:
        if program.demands.regulated and self.capabilities.regulates:
            sweep = prepared_sweep(program, current_limit_a, self._line_hz)
            note = (
                f"played by SMU{self._smu}: each step lasts about {sweep.own_share:.0%} longer "
                "than is compared with the limits and booked"
            )
            return Prepared(sweep, sweep.duration_s, (note,))
        pulses, notes = prepared_pulses(program, current_limit_a, self.source_ohm)
        return Prepared(pulses, program.timeline.longest_s, notes)

    def _apply(self, program: Program, _cells: Indices, payload: Pulses | Sweep) -> Readings:
        player = self._player
        if player is None:
            raise InstrumentError(f"bench {self.name} has lost its 4200A; open it again")
        with safe_if_it_fails(self._give_up):
            self._route(player, to_smu=isinstance(payload, Sweep))
            if isinstance(payload, Pulses):
                measured = player.play(payload)
            else:
                measured = self._sweeping().play(payload)
        return self._readings(program, measured)

    def _give_up(self) -> None:
        """Make safe after an error; where the RPM leads is not known any more."""
        self._at_smu = None
        self._make_safe()

    def _sweeping(self) -> Sweeper:
        if self._sweeper is None:
            raise InstrumentError(f"bench {self.name} has no SMU; open it again")
        return self._sweeper

    def _route(self, player: Player, *, to_smu: bool) -> None:
        """Throw the RPM's switch where it is not right; nothing is on."""
        if to_smu == self._at_smu:
            return
        self._at_smu = None
        if to_smu:
            player.leave()
        else:
            player.come_back()
        self._at_smu = to_smu

    def _readings(self, program: Program, measured: Measured) -> Readings:
        timeline = program.timeline
        voltage_v = measured.voltage_v - measured.current_a * self._series_ohm
        if self._series_ohm > 0:
            voltage_v[measured.over] = np.nan  # nobody knows what falls off at the resistor
        return Readings(
            time_s=measured.time_s[:, None],
            source_v=timeline.source_v,
            voltage_v=voltage_v[:, None],
            current_a=measured.current_a[:, None],
            limited=measured.limited[:, None],
            status=measured.status[:, None],
            look=timeline.look,
        )

    def _make_safe(self) -> None:
        """Abort, outputs off, SMU to 0 V and off; each is tried whatever became of the others."""
        if self._instrument is None:
            return
        acts: list[Callable[[], object]] = [
            self._instrument.abort,
            partial(self._instrument.output, self._channel, on=False),
        ]
        if self._sweeper is not None:
            acts += [self._sweeper.stop, self._sweeper.switch_off]
        # some were refused because there was nothing to end: that is no error of what comes next
        acts.append(partial(self._instrument.tell, ":ERROR:LAST:CLEAR"))
        if self._player is not None:
            self._player.distrust()
        if failed := failures_of(*acts):
            raise InstrumentError(
                f"the outputs of the 4200A at {self._address} could not be switched off from "
                "here; the guard tries it once more: look at the instrument"
            ) from failed[0]

    def _close(self) -> None:
        instrument = self._instrument
        self._instrument = self._player = self._sweeper = None
        if instrument is not None:
            instrument.close()
