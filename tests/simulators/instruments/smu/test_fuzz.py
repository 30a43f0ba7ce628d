"""Random commands: nothing breaks, and no limit is passed at the cell."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hil.simulators.instruments.instrument import VirtualInstrument
from hil.simulators.instruments.keithley2400.instrument import Keithley2400
from hil.simulators.instruments.keithley2450.instrument import Keithley2450
from hil.simulators.instruments.keithley2450.native import Native2450
from hil.simulators.instruments.keithley2450.source import Sweep
from tests.simulators.instruments.smu.bare import Bare
from tests.simulators.instruments.smu.guarded import Guarded

VOLTS = st.sampled_from(["0", "0.1", "-1.5", "2", "20"])
AMPERES = st.sampled_from(["0", "1e-6", "-2e-5", "1e-4", "1e-3"])
WHOLE = st.sampled_from(["1", "2", "5"])

IN_BOTH = [
    "OUTP ON", "OUTP OFF", ":SOUR:FUNC VOLT", ":SOUR:FUNC CURR", ":READ?", ":INIT", ":ABOR",
    "*WAI", "*RST", "*TRG", ":SENS:FUNC 'VOLT'", ":SENS:FUNC 'CURR'", ":ROUT:TERM REAR", ":FETC?",
    ":SENS:CURR:NPLC 0.1", ":MEAS:CURR?", ":MEAS:VOLT?", ":SYST:ERR?", "*CLS",
    ":SENS:CURR:RANG 1e-5",
    ":SENS:CURR:RANG:AUTO ON", ":SOUR:VOLT:RANG 2", ":SOUR:CURR:RANG 1e-4", ":SOUR:VOLT:PROT MIN",
]  # fmt: skip
LEVELS = st.one_of(
    VOLTS.map(":SOUR:VOLT {}".format),
    AMPERES.map(":SOUR:CURR {}".format),
)
OF_2400 = st.one_of(
    st.sampled_from([
        *IN_BOTH, ":SOUR:VOLT:MODE SWE", ":SOUR:VOLT:MODE FIX", ":SOUR:CURR:MODE SWE",
        ":SOUR:CURR:MODE LIST", ":SOUR:CLE:AUTO ON", ":SOUR:CLE:AUTO OFF", ":ARM:SOUR BUS",
        ":SOUR:SWE:CAB LATE", ":SOUR:SWE:POIN 3", ":SENS:FUNC:ALL", "*SAV 1", "*RCL 1",
        ":ARM:COUN INF", ":ARM:COUN 1", ":TRAC:FEED:CONT NEXT", ":SENS:CURR:PROT:TRIP?",
    ]),
    LEVELS,
    WHOLE.map(":TRIG:COUN {}".format),
    AMPERES.map(":SENS:CURR:PROT {}".format),
    VOLTS.map(":SENS:VOLT:PROT {}".format),
    st.tuples(VOLTS, VOLTS).map(lambda ends: ":SOUR:VOLT:STAR {};STOP {}".format(*ends)),
    st.tuples(AMPERES, AMPERES).map(lambda ends: ":SOUR:CURR:STAR {};STOP {}".format(*ends)),
    st.lists(AMPERES, min_size=1, max_size=4).map(lambda few: f":SOUR:LIST:CURR {','.join(few)}"),
)  # fmt: skip
OF_2450 = st.one_of(
    st.sampled_from([
        *IN_BOTH, ":TRIG:LOAD 'SimpleLoop', 3", ":TRIG:LOAD 'Empty'", ":SOUR:VOLT:ILIM:TRIP?",
        ":SENS:COUN 2", ":SENS:CURR:RSEN ON", ":SOUR:SWE:CURR:LIST", ":OUTP:INT:STAT ON",
        ":TRAC:DATA? 1,2", ":SOUR:VOLT:READ:BACK OFF",
    ]),
    LEVELS,
    AMPERES.map(":SOUR:VOLT:ILIM {}".format),
    VOLTS.map(":SOUR:CURR:VLIM {}".format),
    st.tuples(VOLTS, VOLTS, WHOLE).map(lambda it: ":SOUR:SWE:VOLT:LIN {},{},{},0.001".format(*it)),
    st.tuples(AMPERES, AMPERES).map(lambda it: ":SOUR:SWE:CURR:LIN {},{},3,0,0".format(*it)),
    st.lists(AMPERES, min_size=1, max_size=4).map(lambda few: f":SOUR:LIST:CURR {','.join(few)}"),
)  # fmt: skip

THROUGH_ZERO = [
    ":SOUR:FUNC CURR", "OUTP ON", ":SOUR:CURR -2e-5", "*WAI", ":SOUR:CURR 0", ":SOUR:CURR 1e-6",
]  # fmt: skip
"""A source that has nothing to limit at 0 A is on its way there from -2e-5 A."""


def limits_of_2400(smu: Keithley2400) -> tuple[float, float]:
    """Tell what its settings allow (V, A), sweeps and lists with them."""
    source = smu.functions[smu.forced]
    most = max(map(abs, (source.level, source.start, source.stop, *source.list)))
    if source.current:
        return smu.senses["VOLT"].protection, most
    return most, smu.senses["CURR"].protection


def limits_of_2450(smu: Keithley2450) -> tuple[float, float]:
    """Tell what its settings allow (V, A), a sweep that was defined with them."""
    engine = smu._speaker
    assert isinstance(engine, Native2450)
    source, sweep = engine.functions[engine.source_function], engine.run._model
    levels = [source.level]
    if isinstance(sweep, Sweep) and sweep.function == source.name:
        levels += sweep.levels
    most = max(map(abs, levels))
    return (source.limit, most) if source.name == "CURR" else (most, source.limit)


@example(THROUGH_ZERO)
@given(st.lists(OF_2400, min_size=1, max_size=30))
@settings(max_examples=60)
def test_a_2400_keeps_its_limits(commands: list[str]) -> None:
    guarded = Guarded(Keithley2400, limits_of_2400)
    guarded.tell(":SOUR:DEL 0;:SYST:AZER OFF;:SENS:CURR:NPLC 0.1")
    guarded.try_all(commands)


@example(THROUGH_ZERO)
@given(st.lists(OF_2450, min_size=1, max_size=30))
@settings(max_examples=60)
def test_a_2450_keeps_its_limits(commands: list[str]) -> None:
    guarded = Guarded(Keithley2450, limits_of_2450)
    guarded.tell(":SENS:CURR:AZER OFF;:SENS:CURR:NPLC 0.1")
    guarded.try_all(commands)


@pytest.mark.parametrize("kind", [Keithley2400, Keithley2450])
@given(message=st.text(st.characters(min_codepoint=10, max_codepoint=126), max_size=60))
@settings(max_examples=50)
def test_any_text_is_survived(kind: type[VirtualInstrument], message: str) -> None:
    bare = Bare(kind)
    bare.tell(message)
    assert bare.tell("*CLS;*IDN?")
