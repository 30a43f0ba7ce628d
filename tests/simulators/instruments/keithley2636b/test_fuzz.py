"""Whatever is sent, the virtual 2636B goes on and keeps within its limit."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulators.instruments.keithley2636b.in_process_2636b import Bare

pytest.importorskip("lupa")

VALUES = st.sampled_from(
    ["0", "1", "-1", "2", "1e-9", "1e-6", "0.5", "-0.1", "25", "300", "nil", "'x'", "true",
     "{1, 2}", "{}", "smua.nvbuffer1", "1e99", "0/0"]
)  # fmt: skip
NAMES = st.sampled_from(
    ["source.levelv", "source.leveli", "source.limiti", "source.limitv", "source.func",
     "source.output", "source.rangev", "source.rangei", "source.autorangev", "measure.rangei",
     "measure.autorangei", "measure.nplc", "measure.count", "measure.delay", "measure.interval",
     "measure.autozero", "trigger.count", "trigger.arm.count", "trigger.arm.stimulus",
     "trigger.source.stimulus", "trigger.measure.stimulus", "trigger.endpulse.stimulus",
     "trigger.source.action", "trigger.measure.action", "trigger.endpulse.action",
     "trigger.endsweep.action", "trigger.source.limiti", "nvbuffer1.appendmode", "sense"]
)  # fmt: skip
CALLS = st.sampled_from(
    ["smua.measure.i()", "smua.measure.iv(smua.nvbuffer1, smua.nvbuffer2)", "smua.reset()",
     "print(smua.measure.v())", "print(smua.source.compliance)", "smua.abort()",
     "smua.measure.overlappedi(smua.nvbuffer1)", "waitcomplete()", "smua.trigger.initiate()",
     "smua.trigger.source.linearv(-1, 1, 5)", "smua.trigger.source.listi({1e-6, -1e-5})",
     "smua.trigger.measure.iv(smua.nvbuffer1, smua.nvbuffer2)", "*trg", "*RST", "reset()",
     "smua.trigger.arm.stimulus = trigger.EVENT_ID", "printbuffer(1, 5, smua.nvbuffer1)",
     "smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID", "smua.nvbuffer1.clear()",
     "trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID trigger.timer[1].count = 0",
     "smua.source.output = 1", "smua.trigger.source.action = 1 smua.trigger.measure.action = 1",
     "print(status.operation.sweeping.condition, status.condition)", "smua.source.output = 0"]
)  # fmt: skip
MESSAGES = st.one_of(
    st.builds(lambda name, value: f"smua.{name} = {value}", NAMES, VALUES),
    CALLS,
    st.text(max_size=15).map(lambda text: text.replace("\n", " ")),
)
PAUSES_S = st.sampled_from([0.0, 0.0, 1e-5, 1e-2, 0.3])


@settings(max_examples=30, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(st.tuples(MESSAGES, PAUSES_S), max_size=25), st.booleans())
def test_it_goes_on_within_its_limits(sent: list[tuple[str, float]], ideal: bool) -> None:
    bare = Bare(ideal=ideal, parameters={"resistance_ohm": 100.0})
    bare.send("smua.source.limiti = 1e-3 smua.source.output = 1")
    for message, pause_s in sent:
        bare.unit.handle(message.encode("utf-8"))
        source, values = bare.unit.smus["a"].channel.source, bare.unit.smus["a"].values
        assert abs(source.level_v) <= 202 * 1.01 + 0.1
        assert set(values) == set(type(values)(bare.unit.smus["b"].values))
        bare.sleep(pause_s)
    bare.unit.clear()
    bare.errors()
    bare.send("*RST")
    assert bare.number("smua.source.output") == 0
    assert bare.number("status.operation.sweeping.condition") == 0
    for event in bare.events("waveform"):
        assert event.signal is not None
        assert (event.signal.duration_s > 0).all()
    if bare.events("waveform"):
        assert bare.voltage()[1][-1] == 0


def test_the_limit_is_never_passed() -> None:
    bare = Bare(parameters={"resistance_ohm": 100.0})
    bare.tell("smua.source.limiti = 1e-4 smua.source.output = 1 smua.measure.nplc = 0.001")
    bare.tell("smua.trigger.source.linearv(-2, 2, 50) smua.trigger.count = 50")
    bare.tell("smua.trigger.source.action = 1 smua.trigger.measure.action = 1")
    bare.tell("smua.trigger.measure.i(smua.nvbuffer1)", "smua.trigger.initiate() waitcomplete()")
    amperes = bare.numbers("printbuffer(1, 50, smua.nvbuffer1)")
    assert max(map(abs, amperes)) == pytest.approx(1e-4)
    bare.tell("smua.source.levelv = 2", "smua.source.limiti = 1e-6")
    assert bare.number("smua.measure.i()") == pytest.approx(1e-6)
