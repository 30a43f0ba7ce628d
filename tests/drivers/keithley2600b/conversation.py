"""The wire of a 2600B, message by message: what is said again and again."""

from pymeasure.test import expected_protocol

from hil.clock import VirtualClock
from hil.drivers.keithley2600b.instrument import Keithley2600B
from hil.drivers.roles import SourceSettings

Pairs = list[tuple[str | None, str | None]]

NONE = "0.000000000000000e+00"
COUNT = ("print(errorqueue.count)", NONE)


def n(value: float) -> str:
    """A number as the instrument prints it."""
    return f"{value:.15e}"


def told(*lines: str) -> Pairs:
    return [*((line, None) for line in lines), COUNT]


CONNECT: Pairs = [
    ("*IDN?", "Keithley Instruments Inc., Model 2636B, 4308079, 3.2.2"),
    ("errorqueue.clear()", None),
    ("print(errorqueue.count)", "0.00000e+00"),
    *told("format.data = format.ASCII", "format.asciiprecision = 16"),
    ("print(format.asciiprecision)", n(16)),
    ("print(localnode.linefreq)", n(60)),
]
SAFE: Pairs = [
    ("smua.abort()", None),
    ("smua.source.levelv = 0", None),
    ("smua.source.output = 0", None),
    ("errorqueue.clear()", None),
    COUNT,
    ("print(smua.source.output, smua.source.levelv)", f"{NONE}\t{NONE}"),
]
RESET = told(
    "smua.reset()",
    "smua.source.delay = 0",
    "smua.measure.count = 1",
    "smua.trigger.arm.count = 1",
    "smua.trigger.arm.stimulus = 0",
    "smua.trigger.source.action = smua.ENABLE",
    "smua.trigger.source.limiti = smua.LIMIT_AUTO",
    "smua.trigger.measure.action = smua.ENABLE",
    "smua.trigger.measure.iv(smua.nvbuffer1, smua.nvbuffer2)",
    "smua.trigger.endsweep.action = smua.SOURCE_IDLE",
    "smua.nvbuffer1.clear()",
    "smua.nvbuffer1.appendmode = 1",
    "smua.nvbuffer1.collecttimestamps = 1",
    "smua.nvbuffer2.clear()",
    "smua.nvbuffer2.appendmode = 1",
    "smua.nvbuffer2.collecttimestamps = 1",
)
HELD = (
    "print(smua.source.func, smua.source.levelv, smua.source.autorangev, smua.source.rangev, "
    "smua.source.limiti, smua.measure.autorangei, smua.measure.rangei, smua.measure.nplc)"
)
SETTINGS = SourceSettings(range_v=1.5, limit_a=10.5e-6, range_a=8e-6, aperture_s=1 / 60)


def prepared(limit_a: float = 10.5e-6) -> Pairs:
    return [
        *told(
            "smua.source.levelv = 0",
            "smua.source.func = smua.OUTPUT_DCVOLTS",
            "smua.sense = smua.SENSE_LOCAL",
            "smua.source.autorangev = smua.AUTORANGE_OFF",
            "smua.source.rangev = 2",
            "smua.source.limiti = 1.05e-5",
            "smua.measure.autorangei = smua.AUTORANGE_OFF",
            "smua.measure.rangei = 1e-5",
            "smua.measure.nplc = 1",
            "smua.measure.filter.enable = smua.FILTER_OFF",
            "smua.measure.autozero = smua.AUTOZERO_ONCE",
        ),
        (HELD, "\t".join(map(n, (1, 0, 0, 2, limit_a, 0, 1e-5, 1)))),
    ]


ON: Pairs = [
    *told("smua.source.levelv = 0", "smua.source.output = smua.OUTPUT_ON"),
    ("print(smua.source.output, smua.source.levelv)", f"{n(1)}\t{NONE}"),
]
READY: Pairs = [*CONNECT, *SAFE, *RESET, *prepared(), *ON]


def swept(levels: str, count: int) -> Pairs:
    return told(
        "smua.nvbuffer1.clear()",
        "smua.nvbuffer2.clear()",
        "hil_levels = {}",
        f"for _, v in ipairs({{{levels}}}) do table.insert(hil_levels, v) end",
        "smua.trigger.source.listv(hil_levels)",
        "smua.measure.delay = 1e-3",
        "smua.trigger.source.stimulus = 0",
        "smua.trigger.measure.stimulus = 0",
        "smua.trigger.endpulse.stimulus = 0",
        "smua.trigger.endpulse.action = smua.SOURCE_HOLD",
        f"smua.trigger.count = {count}",
        "smua.trigger.initiate()",
    )


def fetched(*rows: tuple[float, float, float, float]) -> Pairs:
    count = len(rows)
    return [
        ("print(smua.nvbuffer1.n, smua.nvbuffer2.n)", f"{n(count)}\t{n(count)}"),
        (
            (
                f"printbuffer(1, {count}, smua.nvbuffer1.timestamps, smua.nvbuffer2.readings, "
                "smua.nvbuffer1.readings, smua.nvbuffer1.statuses)"
            ),
            ", ".join(n(value) for row in rows for value in row),
        ),
    ]


IDLE = ("print(status.operation.sweeping.condition)", NONE)


def unit(pairs: Pairs):
    return expected_protocol(Keithley2600B, pairs, clock=VirtualClock())


def ready(instrument: Keithley2600B):
    channel = instrument.channel("a")
    channel.prepare(SETTINGS)
    channel.output(on=True)
    return channel
