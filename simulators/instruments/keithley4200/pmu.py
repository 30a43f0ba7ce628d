"""The pulse cards of the virtual 4200A: 4225-PMU channels with their RPMs, and `:PMU:` commands.

Source: KXCI Programming manual 4200A-KXCI-907-01 Rev D, section 7; status word: LPT Library
manual, p. 6-23. What is not certain stands in `unconfirmed`.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from hil.simulators.instruments.keithley4200.channel import (
    AUTO,
    FIXED,
    RPM_CV_4W,
    Channel,
    Settings,
    make_channels,
    rows,
)
from hil.simulators.instruments.keithley4200.pulse import NONE, SPOT_DISCRETE, Pulses
from hil.simulators.instruments.keithley4200.run import CURRENT_RANGES_A, EMPTY, Run
from hil.simulators.instruments.keithley4200.sarb import ARRAYS, Sequences
from hil.simulators.instruments.keithley4200.track import Track
from hil.simulators.instruments.keithley4200.unconfirmed import TOO_MANY_POINTS
from hil.simulators.instruments.keithley4200.waveform import INSTANT_S, MOST_POINTS
from hil.simulators.instruments.kxci import Refused, expect, integer, number, switch, told
from hil.simulators.instruments.lab.lab import Lab

MOST_POINTS_A_GET = 2048


class Pmu:
    """The pulse cards: channels, the test under way, the commands that begin with `:PMU:`.

    Parameters
    ----------
    lab : Lab
        Where the outputs lead to.
    modules : list of str
        What is built in, as `*OPT?` lists it.
    ideal : bool
        No noise, offset and settling of the meters.
    samples : int
        Equal parts that a spot mean averages.
    switched : callable
        Told the port of an RPM before its relay moves.
    """

    def __init__(
        self,
        lab: Lab,
        modules: list[str],
        *,
        ideal: bool,
        samples: int,
        switched: Callable[[str], None],
    ) -> None:
        self._lab = lab
        self._ideal = ideal
        self._samples = samples
        self._switched = switched
        self.channels = {channel.number: channel for channel in make_channels(lab, modules)}
        self._segment_arb = False
        self._rate = 200e6
        self._mode = SPOT_DISCRETE
        self._count = 1

    @property
    def running(self) -> bool:
        """Whether a test is under way."""
        return any(channel.run is not None for channel in self.channels.values())

    def settle(self, now_s: float) -> bool:
        """Play what has ended by now; True if a test has just ended."""
        runs = [channel for channel in self.channels.values() if channel.run is not None]
        if not runs or any(
            channel.run and channel.run.end_s > now_s + INSTANT_S for channel in runs
        ):
            return False
        for channel in runs:
            self._finish(channel)
        return True

    def reset(self) -> None:
        """Go back to standard pulses without data and sequences (`*RST`, p. 7-12)."""
        self._init(["0"])

    def obey(self, word: str, arguments: list[str]) -> str | None:
        """Do one command, its word without `:PMU:`; None if it has nothing to tell.

        Raises Refused with the code of the error.
        """
        array = word.removeprefix("SARB:SEQ:")
        if array != word:
            self._sequence(array, arguments)
            return None
        do = self._COMMANDS.get(word)
        if do is None or not self.channels:
            raise Refused(-992 if do is None else -988)
        switching_off = word == "OUTPUT:STATE" and arguments[1:] == ["0"]
        if self.running and not (switching_off or word in ("TEST:STATUS?", "ABORT")):
            raise Refused(-980)
        told: str | None = do(self, arguments)
        return told

    def relay(self, arguments: list[str]) -> None:
        """Switch an RPM to another path (`:PMU:RPM:CONFIGURE`, `RP`)."""
        port, mode_text = expect(arguments, 2)
        mode = integer(mode_text, 0, RPM_CV_4W)
        channel = next((c for c in self.channels.values() if c.port == port.upper()), None)
        if channel is None or not channel.rpm:
            raise Refused(-988)
        if mode != channel.rpm_mode:
            self._switched(channel.port)
            channel.rpm_mode = mode

    def abort(self) -> None:
        """Bring every output to 0 V and off at this moment; what was measured stays."""
        for channel in self.channels.values():
            self._off(channel)

    def _channel(self, text: str) -> Channel:
        channel = self.channels.get(integer(text, 1, 8))
        if channel is None:
            raise Refused(-988)
        return channel

    def _init(self, arguments: list[str]) -> None:
        mode = switch(expect(arguments, 1)[0])
        self.abort()
        self._segment_arb = mode
        self._rate, self._mode, self._count = 200e6, SPOT_DISCRETE, 1
        for channel in self.channels.values():
            channel.settings = Settings()
            channel.columns = rows(EMPTY)

    def _source_range(self, arguments: list[str]) -> None:
        channel, range_v = expect(arguments, 2)
        if number(range_v) not in (10.0, 40.0):
            raise Refused(-969)
        self._channel(channel).settings.source_range_v = number(range_v)

    def _measure_range(self, arguments: list[str]) -> None:
        channel, kind_text, *rest = expect(arguments, 2, 3)
        settings = self._channel(channel).settings
        kind = integer(kind_text, AUTO, FIXED)
        if self._segment_arb and kind != FIXED:
            raise Refused(-965)
        if kind != AUTO:
            range_a = number(expect(rest, 1)[0])
            if not 0 < range_a <= CURRENT_RANGES_A[-1]:
                raise Refused(-969)
            settings.range_a = range_a
        settings.range_type = kind

    def _load(self, arguments: list[str]) -> None:
        channel, load = expect(arguments, 2)
        if not 1.0 <= number(load) <= 1e7:
            raise Refused(-969)
        self._channel(channel).settings.load_ohm = number(load)

    def _llec(self, arguments: list[str]) -> None:
        channel, on = expect(arguments, 2)
        self._channel(channel).settings.llec = switch(on)

    def _compensation(self, arguments: list[str]) -> None:
        channel, *kinds = expect(arguments, 2, 3)
        self._channel(channel)
        for kind in kinds:
            switch(kind)

    def _sample_rate(self, arguments: list[str]) -> None:
        rate = number(expect(arguments, 1)[0])
        if not 1e3 <= rate <= 200e6:
            raise Refused(-969)
        self._rate = rate

    def _measure_mode(self, arguments: list[str]) -> None:
        self._standard()
        self._mode = integer(expect(arguments, 1)[0], 0, 4)

    def _measure_piv(self, arguments: list[str]) -> None:
        channel, high, low = expect(arguments, 3)
        pulses = self._standard(channel)
        pulses.high, pulses.low = switch(high), switch(low)

    def _times_piv(self, arguments: list[str]) -> None:
        channel, start, stop = expect(arguments, 3)
        window = number(start), number(stop)
        if not 0.0 <= window[0] < window[1] <= 1.0:
            raise Refused(-969)
        self._standard(channel).window = window

    def _times_waveform(self, arguments: list[str]) -> None:
        channel, before, after = expect(arguments, 3)
        pulses = self._standard(channel)
        pulses.before, pulses.after = abs(number(before)), abs(number(after))

    def _train(self, arguments: list[str]) -> None:
        channel, base, amplitude = expect(arguments, 3)
        pulses = self._standard(channel)
        pulses.base_v, pulses.amplitudes_v = number(base), (number(amplitude),)

    def _sweep(self, arguments: list[str]) -> None:
        channel, *numbers = expect(arguments, 6)
        start, stop, step, base, dual = map(number, numbers)
        self._standard(channel).sweep(start, stop, step, base, dual=bool(dual))

    def _times(self, arguments: list[str]) -> None:
        channel, *numbers = expect(arguments, 5, 6)
        times_s = [number(text) for text in numbers]
        pulses = self._standard(channel)
        pulses.period_s, pulses.width_s, pulses.rise_s, pulses.fall_s = times_s[:4]
        pulses.delay_s = times_s[4] if len(times_s) == 5 else 0.0

    def _burst(self, arguments: list[str]) -> None:
        self._standard()
        self._count = integer(expect(arguments, 1)[0], 1, 10_000)

    def _standard(self, channel: str | None = None) -> Pulses:
        if self._segment_arb:
            raise Refused(-965)
        return Pulses() if channel is None else self._channel(channel).settings.pulses

    def _sequence(self, array: str, arguments: list[str]) -> None:
        name = array.removesuffix(":ADD")
        if name not in ARRAYS:
            raise Refused(-992)
        if self.running:
            raise Refused(-980)
        sequences = self._arb(arguments)
        sequences.define(name, arguments[1:], append=name != array)

    def _order(self, arguments: list[str]) -> None:
        self._arb(arguments).order(arguments[1:])

    def _arb(self, arguments: list[str]) -> Sequences:
        if not self._segment_arb:
            raise Refused(-965)
        if len(arguments) < 3:
            raise Refused(-993)
        return self._channel(arguments[0]).settings.sequences

    def _output(self, arguments: list[str]) -> None:
        channel_text, on = expect(arguments, 2)
        channel = self._channel(channel_text)
        channel.settings.wanted = switch(on)
        if not channel.settings.wanted:
            self._off(channel)

    def _execute(self, arguments: list[str]) -> None:
        expect(arguments, 0)
        wanted = [c for c in self.channels.values() if c.settings.wanted]
        if not wanted:
            raise Refused(-991)
        tracks = [self._track(channel) for channel in wanted]
        if not self._segment_arb and len({c.settings.pulses.period_s for c in wanted}) > 1:
            raise Refused(-967)
        if sum(track.row_count for track in tracks) > MOST_POINTS:
            raise Refused(TOO_MANY_POINTS)
        now_s = self._lab.now_s()
        for channel, track in zip(wanted, tracks, strict=True):
            if not channel.on:
                channel.on = True
                self._lab.output(channel.port, True)
            channel.columns = rows(EMPTY)
            meter = channel.meter(self._samples, ideal=self._ideal)
            channel.run = Run(channel.reached, track, meter, now_s)

    def _track(self, channel: Channel) -> Track:
        setup = channel.setup(self._rate, self._samples, ideal=self._ideal)
        if self._segment_arb:
            return channel.settings.sequences.track(setup)
        return channel.settings.pulses.track(setup, self._mode, self._count)

    def _finish(self, channel: Channel, until_s: float | None = None) -> None:
        run, channel.run = channel.run, None
        if run is not None:
            data = run.finish(self._lab, until_s)
            if self._segment_arb or self._mode == NONE:
                channel.columns = rows(data)
            else:
                channel.columns = channel.settings.pulses.table(data, self._mode, self._count)

    def _off(self, channel: Channel) -> None:
        self._finish(channel, self._lab.now_s())
        channel.settings.wanted = False
        if channel.on:
            channel.on = False
            self._lab.output(channel.port, False)

    def _status(self, arguments: list[str]) -> str:
        expect(arguments, 0)
        return "1" if self.running else "0"

    def _abort(self, arguments: list[str]) -> None:
        expect(arguments, 0)
        self.abort()

    def _data_count(self, arguments: list[str]) -> str:
        return str(len(self._channel(expect(arguments, 1)[0]).columns[1][0]))

    def _data(self, arguments: list[str]) -> str:
        channel, *rest = expect(arguments, 1, 11)
        names, columns = self._channel(channel).columns
        first = integer(rest[0], 0, MOST_POINTS) if rest else 0
        count = integer(rest[1], 1, MOST_POINTS_A_GET) if len(rest) > 1 else MOST_POINTS_A_GET
        wanted = [name.upper() for name in rest[2:]] or names
        if not set(wanted) <= set(names):
            raise Refused(-969)
        texts = [
            [_WRITE[name[0]](value) for value in columns[names.index(name)][first : first + count]]
            for name in wanted
        ]
        return ";".join(map(",".join, zip(*texts, strict=True)))

    _COMMANDS: ClassVar[dict[str, Callable[["Pmu", list[str]], Any]]] = {
        "INIT": _init,
        "RPM:CONFIGURE": relay,
        "SOURCE:RANGE": _source_range,
        "MEASURE:RANGE": _measure_range,
        "LOAD": _load,
        "LLEC:CONFIGURE": _llec,
        "CONNECTION:COMP": _compensation,
        "SAMPLE:RATE": _sample_rate,
        "MEASURE:MODE": _measure_mode,
        "MEASURE:PIV": _measure_piv,
        "TIMES:PIV": _times_piv,
        "TIMES:WAVEFORM": _times_waveform,
        "PULSE:TRAIN": _train,
        "PULSE:TIMES": _times,
        "PULSE:BURST:COUNT": _burst,
        "SWEEP:PULSE:AMPLITUDE": _sweep,
        "SARB:WFM:SEQ:LIST": _order,
        "OUTPUT:STATE": _output,
        "EXECUTE": _execute,
        "TEST:STATUS?": _status,
        "ABORT": _abort,
        "DATA:COUNT?": _data_count,
        "DATA:GET": _data,
    }


_WRITE: dict[str, Callable[[float], str]] = {
    "V": told,
    "I": told,
    "T": lambda value: told(value, 12),
    "S": lambda value: f"{int(value):08X}",
}
"""How a column is written, by the first letter of its name."""
