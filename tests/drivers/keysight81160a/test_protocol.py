"""What goes over the wire to an 81160A, letter by letter."""

from pymeasure.test import expected_protocol

from hil.clock import VirtualClock
from hil.drivers.keysight81160a import Keysight81160A
from hil.drivers.roles import Train

IDENTITY = "Agilent Technologies,81160A,MY51400292,1.0.3.0-2.6"
NO_ERROR = (":SYST:ERR?", '+0,"No error"')
SET_UP = [
    ("*IDN?", IDENTITY),
    ("*CLS", None),
    NO_ERROR,
    (":OUTP2 0", None),
    NO_ERROR,
    (":OUTP2?", "0"),
    (":VOLT2:LIM:STAT 0", None),
    (":TRAC:CHAN2 0", None),
    (":FUNC2 PULS", None),
    (":PULS:HOLD2 WIDT", None),
    (":VOLT2:UNIT VPP", None),
    (":ARM:SOUR2 MAN", None),
    (":OUTP2:LOAD 1e6", None),
    ("*CLS", None),
    NO_ERROR,
    (":OUTP2:LOAD?", "+1.00000000E+06"),
    (
        ":VOLT2 0.1;:VOLT2:OFFS 0.05;:VOLT2 0.1;:VOLT2:HIGH 0.1;:VOLT2:LOW 0;:OUTP2:POL NORM",
        None,
    ),
    NO_ERROR,
]
FENCE = [
    (":VOLT2:LIM:LOW -10;:VOLT2:LIM:HIGH 1.8;:VOLT2:LIM:LOW -2.5;:VOLT2:LIM:STAT 1", None),
    NO_ERROR,
    (
        ":VOLT2:LIM:HIGH?;:VOLT2:LIM:LOW?;:VOLT2:LIM:STAT?",
        "+1.80000000E+00;-2.50000000E+00;1",
    ),
]
TIMES = [
    (":PULS:PER2?", "+1.00000000E-06"),
    (
        (
            ":PULS:PER2 1e-5;:PULS:TRAN2:LEAD 1e-9;:PULS:TRAN2:TRA 1e-9;:PULS:WIDT2 6.5e-7;"
            ":PULS:TRAN2:LEAD 8e-8;:PULS:TRAN2:TRA 1.6e-7;:PULS:PER2 1e-5;:TRIG2:COUN 3"
        ),
        None,
    ),
    NO_ERROR,
]
ASKED = (
    ":PULS:PER2?;:PULS:WIDT2?;:PULS:TRAN2:LEAD?;:PULS:TRAN2:TRA?;:VOLT2:HIGH?;:VOLT2:LOW?;"
    ":OUTP2:LOAD?;:TRIG2:COUN?;:OUTP2:POL?;:TRAC:CHAN2?;:FUNC2?;:PULS:HOLD2?;:VOLT2:UNIT?;"
    ":ARM:SOUR2?"
)
HELD = "+1.00000000E-05;+6.50000000E-07;+8.00000000E-08;+1.60000000E-07;"
REST = "0;PULS;WIDT;VPP;MAN"


def test_a_fenced_train_is_loaded_and_fired() -> None:
    pairs = [
        *SET_UP,
        *FENCE,
        *TIMES,
        (":VOLT2:HIGH 1.5", None),
        NO_ERROR,
        (ASKED, f"{HELD}+1.50000000E+00;+0.00000000E+00;+1.00000000E+06;+3;NORM;{REST}"),
        (":OUTP2 1", None),
        NO_ERROR,
        (":OUTP2?", "1"),
        ("*TRG", None),
        NO_ERROR,
        ("*OPC?;:OUTP2?", "1;1"),
        (":ABOR", None),
        (":OUTP2 0", None),
        (":OUTP2?", "0"),
        ("*CLS", None),
        NO_ERROR,
    ]
    clock = VirtualClock()
    with expected_protocol(Keysight81160A, pairs, channel=2, clock=clock) as pulser:
        pulser.fence(1.8, -2.5)
        train = Train(1.5, 100e-9, 500e-9, 200e-9, 10e-6, 3)
        held = pulser.load(train)
        assert max(abs(a - b) for a, b in zip(held, train, strict=True)) < 1e-12
        pulser.output(on=True)
        pulser.fire()
        pulser.make_safe()


def test_a_negative_pulse_rests_at_zero_too() -> None:
    pairs = [
        *SET_UP,
        *TIMES,
        (
            ":VOLT2 0.1;:VOLT2:OFFS -0.6;:VOLT2 1.2;:VOLT2:HIGH 0;:VOLT2:LOW -1.2;:OUTP2:POL INV",
            None,
        ),
        NO_ERROR,
        (ASKED, f"{HELD}+0.00000000E+00;-1.20000000E+00;+1.00000000E+06;+3;INV;{REST}"),
    ]
    with expected_protocol(Keysight81160A, pairs, channel=2, clock=VirtualClock()) as pulser:
        held = pulser.load(Train(-1.2, 100e-9, 500e-9, 200e-9, 10e-6, 3))
        assert held.level_v == -1.2
