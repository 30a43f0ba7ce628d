"""The TSP objects that every such instrument has: errorqueue, format, localnode, delay, ..."""

from typing import TYPE_CHECKING, Any

from hil.simulators.instruments.tsp import printing
from hil.simulators.instruments.tsp.engine import Rejected
from hil.simulators.instruments.tsp.objects import Object, choice, number, whole
from hil.simulators.instruments.tsp.status import OPC
from hil.simulators.instruments.tsp.unconfirmed import MISSING

if TYPE_CHECKING:
    from hil.simulators.instruments.tsp.instrument import TspInstrument

LONGEST_DELAY_S = 100e3


def add_base(unit: "TspInstrument") -> None:
    """Add to an instrument's world what is not its own."""
    engine, names = unit.engine, unit.engine.globals()
    names["errorqueue"] = _errorqueue(unit).lua
    names["format"] = _format(unit).lua
    names["localnode"] = _localnode(unit).lua
    names["beeper"] = _beeper(unit).lua
    names["timer"] = _timer(unit).lua
    names["bit"] = _bit(unit).lua
    delay_s = number(0.0, LONGEST_DELAY_S)
    names["delay"] = engine.callable(lambda time_s=None: unit.spend(delay_s(time_s)))
    names["waitcomplete"] = engine.callable(lambda *_: unit.wait())
    names["reset"] = engine.callable(lambda *_: unit.reset())
    names["opc"] = engine.callable(lambda: _opc(unit))
    names["node"] = engine.table([names])
    engine.seal()


def status_object(unit: "TspInstrument") -> Object:
    """Make `status` with what every instrument has of it."""
    status = Object(unit.engine)
    status.attribute("condition", unit.status_byte)
    byte = whole(0, 255)
    status.attribute(
        "request_enable", lambda: unit.status.request_enable,
        lambda value: setattr(unit.status, "request_enable", byte(value)),
    )  # fmt: skip
    standard = Object(unit.engine)
    standard.attribute("event", unit.status.take_event)
    standard.attribute("condition", lambda: unit.status.event)
    standard.attribute(
        "enable", lambda: unit.status.enable,
        lambda value: setattr(unit.status, "enable", byte(value)),
    )  # fmt: skip
    status.child("standard", standard)
    status.call("reset", lambda: _reset_status(unit))
    return status


def _reset_status(unit: "TspInstrument") -> None:
    unit.status.enable = unit.status.request_enable = 0
    unit.status.event = 0


def _opc(unit: "TspInstrument") -> None:
    unit.wait()
    unit.status.event |= OPC


def _errorqueue(unit: "TspInstrument") -> Object:
    queue = Object(unit.engine)
    queue.attribute("count", lambda: unit.errors.count)
    queue.call("next", lambda: tuple(unit.errors.next()))
    queue.call("clear", unit.errors.clear)
    return queue


def _format(unit: "TspInstrument") -> Object:
    form = unit.engine.form
    made = Object(unit.engine)
    digits, data, order = whole(1, 16), choice(1, 2, 3), choice(0, 1)
    made.attribute(
        "asciiprecision", lambda: form.digits, lambda value: form.set_digits(digits(value))
    )
    made.attribute("data", lambda: form.data, lambda value: setattr(form, "data", data(value)))
    made.attribute(
        "byteorder", lambda: form.byteorder,
        lambda value: setattr(form, "byteorder", order(value)),
    )  # fmt: skip
    made.constants(
        {
            "ASCII": printing.ASCII, "SREAL": printing.REAL32, "REAL32": printing.REAL32,
            "REAL": printing.REAL64, "REAL64": printing.REAL64, "DREAL": printing.REAL64,
            "NORMAL": printing.BIG, "NETWORK": printing.BIG, "BIGENDIAN": printing.BIG,
            "SWAPPED": printing.LITTLE, "LITTLEENDIAN": printing.LITTLE,
        }
    )  # fmt: skip
    return made


def _localnode(unit: "TspInstrument") -> Object:
    node = Object(unit.engine)
    node.attribute("model", lambda: unit.model)
    node.attribute("serialno", lambda: unit.serial)
    node.attribute("revision", lambda: unit.version)
    node.attribute("linefreq", lambda: unit.line_hz)
    node.settings(unit.prompts, {"prompts": choice(0, 1), "showerrors": choice(0, 1)})
    node.constants({"ENABLE": 1, "DISABLE": 0})
    node.call("reset", lambda *_: unit.reset())
    return node


def _beeper(unit: "TspInstrument") -> Object:
    beeper = Object(unit.engine)
    values = {"enable": 1}
    beeper.setting(values, "enable", choice(0, 1))
    beeper.constants({"ON": 1, "OFF": 0})
    lasting_s, pitch_hz = number(0.001, 100.0), number(1.0, 100e3)

    def beep(duration: Any = None, frequency: Any = None) -> None:
        lasting_s(duration)
        pitch_hz(frequency)

    beeper.call("beep", beep)
    return beeper


def _timer(unit: "TspInstrument") -> Object:
    begin = {"s": 0.0}
    timer, measure = Object(unit.engine), Object(unit.engine)
    timer.call("reset", lambda: begin.update(s=unit.now_s))
    measure.call("t", lambda: unit.now_s - begin["s"])
    timer.child("measure", measure)
    return timer


def _bit(unit: "TspInstrument") -> Object:
    bit = Object(unit.engine)
    word = whole(0, 2**32 - 1)
    place = whole(1, 32)

    def two(value: Any, other: Any) -> tuple[int, int]:
        if other is None:
            raise Rejected(*MISSING)
        return word(value), word(other)

    def test(value: Any = None, index: Any = None) -> bool:
        return bool(word(value) >> (place(index) - 1) & 1)

    bit.call("bitand", lambda a=None, b=None: int.__and__(*two(a, b)))
    bit.call("bitor", lambda a=None, b=None: int.__or__(*two(a, b)))
    bit.call("bitxor", lambda a=None, b=None: int.__xor__(*two(a, b)))
    bit.call("test", test)
    bit.call("set", lambda value=None, index=None: word(value) | 1 << place(index) - 1)
    bit.call("clear", lambda value=None, index=None: word(value) & ~(1 << place(index) - 1))
    return bit
