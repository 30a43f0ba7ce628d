"""Whatever is sent, the virtual 4200A answers once and goes on."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.simulators.instruments.keithley4200.panel import Panel
from hil.simulators.instruments.keithley4200.pmu import Pmu
from hil.simulators.instruments.keithley4200.sarb import ARRAYS
from hil.simulators.instruments.keithley4200.setup import PAGE_OF
from hil.simulators.instruments.kxci import PAGES
from tests.simulators.instruments.in_process import Bare, arb

WORDS = [
    *PAGES, *PAGE_OF, *Panel.COMMANDS, "DO", "RD", "BC", "SP", "RP", "AB", "DR", "EM", "AC", "EC",
    "*IDN?", "ID", "*OPT?", "*RST", ":ERROR:LAST:GET", ":ERROR:LAST:CLEAR",
    *(f":PMU:{word}" for word in Pmu._COMMANDS),
    *(f":PMU:SARB:SEQ:{name}{add}" for name in ARRAYS for add in ("", ":ADD")),
]  # fmt: skip
ARGUMENTS = st.sampled_from(
    ["0", "1", "2", "3", "4", "-1", "0.5", "1e-6", "1e-9", "1e3", "1e12", "1e99", "x", "", "'V1'",
     "'I1'", "PMU1-1", "PMU1-2", "10", "40", "1e-7", "20e-9", "1,1,2,1", "1e-6,1e-6,1e-6",
     "0,1,1", "1,1,0", "0,1,0", "0.1,0.2", "512"]
)  # fmt: skip
MESSAGES = st.one_of(
    st.builds(
        lambda word, arguments: f"{word} {','.join(arguments)}",
        st.sampled_from(WORDS), st.lists(ARGUMENTS, max_size=6),
    ),
    st.sampled_from(
        ["DE;CH1,'V1','I1',1,1", "SS;VR1,0,1,0.1,1e-3", "SS;VC1,0.5,1e-3", "DE;CH1,'V1','I1',2,3",
         "MD;ME1", "MD;ME2", "ME4", "US;DV1,0,0.3,1e-3", "US;DI1,0,1e-6,1", "TI1", "TV1",
         ":PMU:OUTPUT:STATE 1,1", ":PMU:OUTPUT:STATE 1,0", ":PMU:EXECUTE", ":PMU:ABORT",
         ":PMU:SARB:WFM:SEQ:LIST 1,1,3,2,2", ":PMU:INIT 1", ":PMU:INIT 0", ":PMU:DATA:GET 1"]
    ),
    st.text(max_size=20),
)  # fmt: skip
PAUSES_S = st.sampled_from([0.0, 0.0, 1e-6, 1e-3, 0.1])


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.tuples(MESSAGES, PAUSES_S), max_size=40), st.booleans())
def test_every_message_is_answered_once(sent: list[tuple[str, float]], ideal: bool) -> None:
    bare = arb(ideal=ideal)
    bare.define_pulse(1)
    bare.define_read(2)
    for message, pause_s in sent:
        answer = bare.instrument.handle(message.encode("utf-8"))
        assert isinstance(answer, bytes)
        assert b"\0" not in answer
        assert int(bare.ask("SP")) in range(128)
        bare.sleep(pause_s)
    bare.ask(":PMU:ABORT", "ME4")
    bare.ask("*RST")
    assert bare.ask("SP") == "0"
    for event in bare.events("waveform"):
        assert event.signal is not None
        assert (event.signal.duration_s > 0).all()


def test_a_client_that_begins_in_the_middle_of_something_can_end_it() -> None:
    bare = Bare()
    bare.tell("DE;CH1,'V1','I1',1,1", "SS;VR1,0,1,0.1,1e-3", "DT 1", "MD;ME2")
    bare.sleep(2.5)
    for message in ("", ":PMU:ABORT", ":PMU:OUTPUT:STATE 1,0", "ME4", "US;DV1"):
        assert bare.ask(message) == "ACK"
    assert bare.events("output")[-1].what["on"] is False
    assert bare.waveform()[1].tolist() == [pytest.approx(0.2), 0]
