"""One channel of a Keysight pulse generator, which plays trains from 0 V when it is triggered.

A level that such a generator is told holds for the load it believes in: one set for 50 ohm puts
twice the level on a device of 100 kohm. So the load is set to the largest there is and read back
with every train; all levels here are open-circuit voltages.
"""

import math
from contextlib import suppress
from typing import Any, ClassVar

from pymeasure.adapters import Adapter

from hil.clock import Clock
from hil.drivers.keysight_pulser.commands import (
    Asked,
    Commands,
    exactly,
    joined,
    safe_messages_of,
    text,
)
from hil.drivers.keysight_pulser.shape import (
    Levels,
    Times,
    refuse,
    refuse_other,
    refuse_other_limits,
    resting,
    times_of,
    train_of,
)
from hil.drivers.keysight_pulser.unconfirmed import (
    ABORT,
    EDGE_SHARE,
    POLARITY,
    RELAY_S,
)
from hil.drivers.roles import Pulser, PulserReach, Train
from hil.drivers.safety import safe_if_it_fails
from hil.drivers.scpi import ScpiInstrument
from hil.drivers.session.answers import flag, integer, number
from hil.errors import ConfigError, HilError, InstrumentError, LimitExceeded
from hil.guard import SafeMessages


class KeysightPulser(ScpiInstrument, Pulser):
    """One channel of a generator; a subclass says how it spells its commands and what it can do.

    A trigger is for the whole box: the other channel plays too if it waits for one.

    Parameters
    ----------
    adapter : Adapter
        The session.
    channel : int
        1 or 2.
    clock : Clock
        The bench's.

    Raises
    ------
    InstrumentError
        Something else is at the other end.
    """

    commands: ClassVar[Commands]
    model: ClassVar[str]
    pattern: ClassVar[str]
    reach: PulserReach

    def __init__(self, adapter: Adapter, *, channel: int, clock: Clock) -> None:
        super().__init__(adapter, self.model, self.pattern)
        self.channel = channel
        self._clock = clock
        self._told = self.commands.of(channel)
        self._fence: tuple[float, float] | None = None
        self._loaded: Train | None = None
        self._levels: Levels | None = None  # None: nobody knows how it is set
        self._is_on = False

    def fence(self, positive_v: float, negative_v: float) -> None:
        """Set the generator's own voltage limits (open circuit, V) and read them back.

        Its output is off then. A limit beyond what it can put out is set to that.

        Raises
        ------
        ConfigError
            0 V is not within.
        NotSupported
            Its smallest pulse does not fit.
        InstrumentError
            It holds something else.
        """
        if not (math.isfinite(positive_v - negative_v) and negative_v <= 0 <= positive_v):
            raise ConfigError(
                f"limits of a generator are numbers around 0 V, not {negative_v} V to "
                f"{positive_v} V"
            )
        fence = (max(negative_v, -self.reach.most_v), min(positive_v, self.reach.most_v))
        resting(fence, self.reach.least_v, self.model)
        with safe_if_it_fails(self.make_safe):
            self._fence = fence
            self._set_up()

    def output(self, *, on: bool) -> None:
        """Switch the output on, resting at 0 V, or off; read back."""
        with safe_if_it_fails(self.make_safe):
            if on and self._levels is None:
                self._set_up()
            self._switch(on=on)

    def load(self, train: Train) -> Train:
        """Set a train and return it as the generator holds it; nothing comes out.

        The output goes off while the polarity changes.

        Raises
        ------
        ConfigError
            It is no train.
        LimitExceeded
            It goes beyond the fence; nothing was sent.
        NotSupported
            The generator cannot make such pulses; nothing was sent.
        InstrumentError
            It holds something else than it was told.
        """
        self._refuse(train)
        levels = Levels.of(float(train.level_v))
        with safe_if_it_fails(self.make_safe):
            self._loaded = None
            if self._levels is None:
                self._set_up()
            was_on = self._is_on
            self._set_times(times_of(train), int(train.pulses))
            self._set_levels(levels)
            held, rest_v = self._held(levels.inverted)
            refuse_other(held, train, rest_v, self.model)
            if was_on and not self._is_on:
                self._switch(on=True)
            self._loaded = held
        return held

    def fire(self) -> None:
        """Play the loaded train once and wait until it is over.

        Raises
        ------
        InstrumentError
            Nothing is loaded or the output is off, the trigger was refused, or the output went
            off by itself.
        """
        train = self._loaded
        if train is None or not self._is_on:
            raise InstrumentError(
                f"the {self.model} has {'no train' if train is None else 'its output off'}; load "
                "a train and switch the output on before it is fired"
            )
        with safe_if_it_fails(self.make_safe):
            self.tell("*TRG")
            self._clock.sleep(train.period_s * train.pulses)
            done, on = self._several(("*OPC?", integer), (f"{self._told.output}?", flag))
            if done != 1 or not on:
                raise InstrumentError(
                    f"the {self.model} has switched its output off while it was to play; look "
                    "for a short or an overload at its output"
                )

    def make_safe(self) -> None:
        """End a burst, which leaves 0 V, then switch the output off; read back.

        A lost connection is made again once.

        Raises
        ------
        InstrumentError
            It is not off.
        """
        self._loaded = self._levels = None
        self._is_on = False
        try:
            still_on = self.insist(self._switched_off)
        except HilError as error:
            raise InstrumentError(
                f"the output of the {self.model} could not be switched off from here: {error}"
            ) from error
        if still_on:
            raise InstrumentError(
                f"the output of the {self.model} does not go off; switch it off there"
            )
        with suppress(HilError):  # the abort may not be known, or there was nothing to end
            self.clear_errors()

    def _switched_off(self) -> bool:
        """Send it off, in step or not; whether it is on all the same."""
        self.interject(ABORT, f"{self._told.output} 0")
        return self.get(f"{self._told.output}?", flag)

    def safe_messages(self) -> SafeMessages:
        """Tell the guard how to end a burst and switch the output off."""
        return safe_messages_of(self.commands, self.address, self.channel)

    # -- pymeasure's ---------------------------------------------------------------------------
    def shutdown(self) -> None:
        """Make safe, as pymeasure calls it: its own driver leaves the output on."""
        self.make_safe()
        super().shutdown()

    def write_binary_values(self, command: str, values: Any, *args: Any, **kwargs: Any) -> None:
        """Send a block, ended as every message is: pymeasure leaves the end out."""
        super().write_binary_values(command, values, *args, **{"termination": "\n", **kwargs})

    # -- settings ------------------------------------------------------------------------------
    def _set_up(self) -> None:
        """Bring everything that a train does not say to what it must be, with the output off.

        It may complain that it adjusts what was left from before; `_held` asks for all of it.
        """
        told = self._told
        self._loaded = self._levels = None
        self.clear_errors()
        self._switch(on=False)
        for header, value in ((told.limit_state, "0"), *told.fixed, (told.load, told.load_as)):
            self.write(f"{header} {value}")
        self.clear_errors()
        self.confirm(f"{told.load}?", told.load_ohm, "load", 1e-3)
        self._set_levels(resting(self._fence, self.reach.least_v, self.model))
        if self._fence is not None:
            self._set_fence(*self._fence)

    def _set_fence(self, negative_v: float, positive_v: float) -> None:
        """Set limits: the lower one first goes out of the way of the upper one."""
        told = self._told
        self.tell(
            f"{told.limit_low} {text(-self.reach.most_v)}",
            f"{told.limit_high} {text(positive_v)}",
            f"{told.limit_low} {text(negative_v)}",
            f"{told.limit_state} 1",
        )
        high_v, low_v, is_set = self._several(
            (f"{told.limit_high}?", number),
            (f"{told.limit_low}?", number),
            (f"{told.limit_state}?", flag),
        )
        if not is_set:
            raise InstrumentError(f"the limits of the {self.model} do not go on; it was not used")
        refuse_other_limits((low_v, high_v), (negative_v, positive_v), self.model)

    def _set_times(self, times: Times, pulses: int) -> None:
        """Set period, width and transitions, so that no moment has times that exclude others."""
        told = self._told
        held_s = self.get(f"{told.period}?", number)
        shortest = text(EDGE_SHARE * self.reach.least_edge_s)
        self.tell(
            f"{told.period} {text(max(held_s, times.period_s))}",
            f"{told.leading} {shortest}", f"{told.trailing} {shortest}",
            f"{told.width} {text(times.width_s)}",
            f"{told.leading} {text(times.leading_s)}",
            f"{told.trailing} {text(times.trailing_s)}",
            f"{told.period} {text(times.period_s)}",
            f"{told.pulses} {pulses}",
        )  # fmt: skip

    def _set_levels(self, levels: Levels) -> None:
        """Set the levels; between trains of one polarity the level at rest does not move.

        Otherwise the output goes off, and the levels move as the smallest pulse there is: never
        beyond those before and those to come.
        """
        told, before = self._told, self._levels
        ends = (f"{told.high} {text(levels.high_v)}", f"{told.low} {text(levels.low_v)}")
        if before is not None and levels.inverted == before.inverted:
            self.tell(ends[levels.inverted])
            self._levels = levels
            return
        self._levels = None
        if self._is_on:
            self._switch(on=False)
        self.tell(
            f"{told.amplitude} {text(self.reach.least_v)}",
            f"{told.offset} {text((levels.high_v + levels.low_v) / 2)}",
            f"{told.amplitude} {text(levels.high_v - levels.low_v)}",
            *ends,
            f"{told.polarity} {POLARITY[levels.inverted]}",
        )
        self._levels = levels

    def _held(self, inverted: bool) -> tuple[Train, float]:
        """Ask for everything that shapes a train: it, and where it rests (V)."""
        told = self._told
        headers = (
            told.period, told.width, told.leading, told.trailing, told.high, told.low, told.load,
        )  # fmt: skip
        answers = self._several(
            *((f"{header}?", number) for header in headers),
            (f"{told.pulses}?", integer),
            (f"{told.polarity}?", exactly(POLARITY[inverted])),
            *((f"{header}?", exactly(value)) for header, value in told.fixed),
        )
        times, (high_v, low_v, load_ohm, pulses) = Times(*answers[:4]), answers[4:8]
        if not math.isclose(load_ohm, told.load_ohm, rel_tol=1e-3):
            raise InstrumentError(
                f"the {self.model} believes in a load of {load_ohm:.4g} ohm where "
                f"{told.load_ohm:.4g} ohm was set, and its levels would come out differently"
            )
        levels = Levels(high_v, low_v, inverted)
        return train_of(levels, times, pulses), levels.rest_v

    def _switch(self, *, on: bool) -> None:
        """Switch the output, wait for its relay and ask."""
        output = self._told.output
        if on != self._is_on or not on:
            self._is_on = False
            self.tell(f"{output} {int(on)}")
            self._clock.sleep(RELAY_S)
        if self.get(f"{output}?", flag) != on:
            raise InstrumentError(
                f"the output of the {self.model} does not go {'on' if on else 'off'}; look at "
                "the instrument"
            )
        self._is_on = on

    def _refuse(self, train: Train) -> None:
        refuse(train, self.reach, self.model)
        if self._fence is not None:
            low_v, high_v = self._fence
            if not low_v - 1e-9 <= train.level_v <= high_v + 1e-9:
                raise LimitExceeded(
                    f"a pulse of {train.level_v:.6g} V is beyond the limits of the {self.model}, "
                    f"{low_v:.6g} V to {high_v:.6g} V; nothing was sent"
                )

    def _several(self, *asked: Asked) -> list[Any]:
        """Ask several things at once."""
        return self.get(*joined(asked))
