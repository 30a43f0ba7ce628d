"""What goes over the wire to a 33500B, letter by letter."""

from pymeasure.test import expected_protocol

from hil.clock import VirtualClock
from hil.drivers.keysight33500b import Keysight33500B
from hil.drivers.roles import Train

NO_ERROR = (":SYST:ERR?", '+0,"No error"')
SOURCE = ":SOUR1:FUNC:PULS"
FIXED = (
    ":SOUR1:VOLT:LIM:STAT 0", ":SOUR1:FUNC PULS", ":SOUR1:FUNC:PULS:HOLD WIDT",
    ":SOUR1:VOLT:UNIT VPP", ":TRIG1:SOUR BUS", ":SOUR1:BURS:MODE TRIG", ":SOUR1:BURS:STAT 1",
    ":OUTP1:LOAD INF",
)  # fmt: skip
LEVELS = (
    ":SOUR1:VOLT 0.02;:SOUR1:VOLT:OFFS 0.01;:SOUR1:VOLT 0.02;:SOUR1:VOLT:HIGH 0.02;"
    ":SOUR1:VOLT:LOW 0;:OUTP1:POL NORM"
)
TIMES = (
    f"{SOURCE}:PER 1e-3;{SOURCE}:TRAN:LEAD 8.4e-9;{SOURCE}:TRAN:TRA 8.4e-9;{SOURCE}:WIDT 6e-7;"
    f"{SOURCE}:TRAN:LEAD 8e-8;{SOURCE}:TRAN:TRA 8e-8;{SOURCE}:PER 1e-5;:SOUR1:BURS:NCYC 1"
)
ASKED = (
    f"{SOURCE}:PER?;{SOURCE}:WIDT?;{SOURCE}:TRAN:LEAD?;{SOURCE}:TRAN:TRA?;:SOUR1:VOLT:HIGH?;"
    ":SOUR1:VOLT:LOW?;:OUTP1:LOAD?;:SOUR1:BURS:NCYC?;:OUTP1:POL?;:SOUR1:FUNC?;"
    ":SOUR1:FUNC:PULS:HOLD?;:SOUR1:VOLT:UNIT?;:TRIG1:SOUR?;:SOUR1:BURS:MODE?;:SOUR1:BURS:STAT?"
)
HELD = (
    "+1.000000000000000E-05;+6.000000000000000E-07;+8.000000000000000E-08;+8.000000000000000E-08;"
    "+1.500000000000000E+00;+0.000000000000000E+00;+9.900000000000000E+37;+1.000000000000000E+00;"
    "NORM;PULS;WIDT;VPP;BUS;TRIG;1"
)


def test_a_train_is_loaded_and_fired() -> None:
    pairs = [
        ("*IDN?", "Agilent Technologies,33522B,MY57800256,5.00-1.19-2.00-58-00"),
        ("*CLS", None),
        NO_ERROR,
        (":OUTP1 0", None),
        NO_ERROR,
        (":OUTP1?", "0"),
        *((command, None) for command in FIXED),
        ("*CLS", None),
        NO_ERROR,
        (":OUTP1:LOAD?", "+9.900000000000000E+37"),
        (LEVELS, None),
        NO_ERROR,
        (f"{SOURCE}:PER?", "+1.000000000000000E-03"),
        (TIMES, None),
        NO_ERROR,
        (":SOUR1:VOLT:HIGH 1.5", None),
        NO_ERROR,
        (ASKED, HELD),
        (":OUTP1 1", None),
        NO_ERROR,
        (":OUTP1?", "1"),
        ("*TRG", None),
        NO_ERROR,
        ("*OPC?;:OUTP1?", "1;1"),
        (":OUTP1 0", None),
        NO_ERROR,
        (":OUTP1?", "0"),
    ]
    with expected_protocol(Keysight33500B, pairs, channel=1, clock=VirtualClock()) as pulser:
        held = pulser.load(Train(1.5, 100e-9, 500e-9, 100e-9, 10e-6, 1))
        assert held.level_v == 1.5
        pulser.output(on=True)
        pulser.fire()
        pulser.output(on=False)
