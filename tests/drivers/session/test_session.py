"""A session with an instrument that answers badly, over a real socket."""

import re
import socket
import threading
import time

import pymeasure.instruments
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.drivers.session.answers import unexpected
from hil.drivers.session.exchange import PROBES
from hil.errors import ConfigError, HilError, InstrumentError, SessionTimeout, notes_of


def own_number(text, command):
    """Read a number in angle brackets."""
    if found := re.fullmatch(r"<([0-9]+)>", text):
        return found
    raise unexpected(text, command, "a number in angle brackets")


def remarks(line):
    return [e.data.decode() for e in line.traffic.entries() if e.kind == "!"]


class Meter(pymeasure.instruments.Instrument):  # type: ignore[misc]  # has no types
    """What a user of pymeasure writes."""

    seven = pymeasure.instruments.Instrument.measurement("Q7?", "Seven.", cast=str)
    eight = pymeasure.instruments.Instrument.measurement("Q8?", "Eight.", cast=str)
    level = pymeasure.instruments.Instrument.setting("LEV %g", "Level.", check_set_errors=True)

    def __init__(self, adapter):
        super().__init__(adapter, "meter", includeSCPI=False)

    def check_set_errors(self):
        assert self.read() == "<LEV 2.5>"
        return []


# -- all is well -------------------------------------------------------------------------------


def test_every_command_gets_its_answer(instrument, session):
    line = session(instrument().address)
    assert [line.query(f"Q{k}?") for k in range(50)] == [f"<{k}>" for k in range(50)]
    assert line.ask("Q12?", own_number)[1] == "12"


def test_pymeasure_rides_on_it(instrument, session):
    server = instrument()
    meter = Meter(session(server.address))
    assert (meter.seven, meter.eight) == ("<7>", "<8>")
    meter.level = 2.5
    assert meter.seven == "<7>"
    assert server.commands == ["Q7?", "Q8?", "LEV 2.5", "Q7?"]


def test_only_queries_are_answered(instrument, session):
    server = instrument(answers="queries")
    line = session(server.address, answers="queries")
    line.write("OUTP OFF")
    line.write("Q1?")
    assert line.read() == "<1>"
    line.write_bytes(b"DATA #13???\0")
    assert line.query("Q2?") == "<2>"
    assert server.commands == ["OUTP OFF", "Q1?", "DATA #13???", "Q2?"]


def test_an_answer_in_pieces(instrument, session):
    line = session(instrument().address)
    line.write_bytes(b"Q1234?\0")
    assert (line.read_bytes(2), line.read_bytes(5)) == (b"<1", b"234>\0")
    line.write("Q5?")
    assert line.read_bytes(-1, break_on_termchar=True) == b"<5>\0"
    line.write("Q6?")
    assert line.read_bytes(-1) == b"<6>\0"
    assert line.query("Q7?") == "<7>"
    assert remarks(line) == []


def test_a_command_of_two_lines_is_not_sent(instrument, session):
    server = instrument()
    line = session(server.address)
    for command in ("Q1?\0Q2?", "5 Ω"):
        with pytest.raises(InstrumentError, match="is not sent"):
            line.query(command)
    assert server.commands == []


# -- answers that are not as they should be ----------------------------------------------------


def test_a_late_answer_is_never_the_next_ones(instrument, session):
    server = instrument()
    line = session(server.address)
    server.faults.append(("late", 0.3))
    with pytest.raises(SessionTimeout, match=r"no answer to 'Q1\?' within 0.2 s") as caught:
        line.query("Q1?")
    assert isinstance(caught.value, TimeoutError)
    assert "> b'Q1?\\x00'" in caught.value.__notes__[0]
    assert notes_of(caught.value) == ()
    assert [line.query(f"Q{k}?") for k in (2, 3)] == ["<2>", "<3>"]
    assert any("dropped b'<1>'" in remark for remark in remarks(line))


def test_a_late_answer_to_the_resync_command_itself(instrument, session):
    server = instrument()
    line = session(server.address)
    server.faults.extend([("late", 0.3), ("late", 0.15), ("late", 0.15)])
    with pytest.raises(SessionTimeout):
        line.query("*IDN?")
    assert [line.query(f"Q{k}?") for k in (2, 3)] == ["<2>", "<3>"]


def test_two_late_answers_to_the_resync_command(instrument, session):
    server = instrument()
    line = session(server.address)
    server.faults.extend(["dropped", ("late", 0.25), ("late", 0.25)])
    with pytest.raises(SessionTimeout):
        line.query("Q1?")
    assert [line.query(f"Q{k}?") for k in (2, 3)] == ["<2>", "<3>"]
    assert server.commands == ["Q1?", "*IDN?", "*IDN?", "Q2?", "Q3?"]


def test_the_resync_command_answered_twice(instrument, session):
    server = instrument()
    line = session(server.address)
    server.faults.extend(["cut", ("again", 0.005)])
    with pytest.raises(InstrumentError):
        line.ask("Q1?", own_number)
    assert line.query("Q2?") == "<2>"


def test_what_makes_safe_goes_before_a_lost_answer_is_cleared_up(instrument, session):
    server = instrument(answers="queries")
    line = session(server.address, answers="queries")
    server.faults.append("dropped")
    with pytest.raises(SessionTimeout):
        line.query("Q1?")
    line.interject("OFF")
    assert line.query("Q2?") == "<2>"
    assert server.commands == ["Q1?", "OFF", "*IDN?", "Q2?"]
    line.close()
    line.interject("OFF")  # it cannot go, and nobody is to hear of it now


def test_an_interrupted_query_leaves_no_answer_behind(instrument, session, monkeypatch):
    line = session(instrument().address)
    with monkeypatch.context() as patch:
        patch.setattr(line._exchange._line, "message", lambda limit_s: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            line.query("Q1?")
    in_threads(lambda: check(line, 2))


def test_an_echo_is_known_at_once(instrument, session):
    server = instrument()
    line = session(server.address, resync=("ECHO {n}", "{n}"))
    server.faults.append("dropped")
    with pytest.raises(SessionTimeout):
        line.query("ECHO 0")
    assert line.query("Q2?") == "<2>"


def test_a_query_may_wait_longer(instrument, session):
    server = instrument()
    line = session(server.address)
    server.faults.append(("late", 0.3))
    assert line.query("Q1?", timeout_s=2.0) == "<1>"


def test_half_an_answer(instrument, session):
    server = instrument()
    line = session(server.address)
    server.faults.append("truncated")
    with pytest.raises(SessionTimeout, match="only b'<12'"):
        line.query("Q1234?")
    assert line.query("Q2?") == "<2>"


@pytest.mark.parametrize(("fault", "message"), [("garbled", "is no text"), ("cut", "'<1', not a")])
def test_an_answer_that_makes_no_sense(instrument, session, fault, message):
    server = instrument()
    line = session(server.address)
    server.faults.append(fault)
    with pytest.raises(InstrumentError, match=message) as caught:
        line.ask("Q123?", own_number)
    assert caught.value.__notes__[0].startswith("wire: the last bytes")
    assert notes_of(caught.value) == ()
    assert line.query("Q2?") == "<2>"
    assert server.commands == ["Q123?", "*IDN?", "Q2?"]


def test_an_answer_that_comes_twice(instrument, session):
    server = instrument()
    line = session(server.address)
    server.faults.append("duplicated")
    assert [line.query(f"Q{k}?") for k in (1, 2, 3)] == ["<1>", "<2>", "<3>"]


def test_two_answers_to_one_command(instrument, session):
    server = instrument()
    line = session(server.address)
    server.faults.append("stray")
    with pytest.raises(InstrumentError, match="which is its own"):
        line.query("Q1?")
    assert line.query("Q2?") == "<2>"


def test_bytes_that_nobody_asked_for(instrument, session):
    server = instrument()
    line = session(server.address)
    assert line.query("Q1?") == "<1>"
    server.client.sendall(b"<2>\0")
    while not line._exchange._line._poll.poll(1):
        pass
    assert line.query("Q3?") == "<3>"
    assert remarks(line)[0] == r"dropped b'<2>\x00'"


def test_an_answer_that_nobody_read(instrument, session):
    server = instrument()
    line = session(server.address)
    line.write("Q1?")
    assert line.query("Q2?") == "<2>"
    line.write("Q3?")
    line.flush_read_buffer()
    line.write("Q4?")
    assert line.read() == "<4>"


def test_reading_what_was_not_asked(instrument, session):
    line = session(instrument().address)
    with pytest.raises(InstrumentError, match="write a command first"):
        line.read()
    assert line.query("Q1?") == "<1>"


def test_out_of_step_for_good_until_reopened(instrument, session):
    server = instrument()
    line = session(server.address, timeout_s=0.05)
    server.faults.extend(["dropped"] * (1 + PROBES))
    with pytest.raises(SessionTimeout):
        line.query("Q1?")
    with pytest.raises(InstrumentError, match=r"does not answer '\*IDN\?'.*start the server"):
        line.query("Q2?")
    with pytest.raises(InstrumentError, match=r"'Q3\?' is not sent"):
        line.query("Q3?")
    line.reopen()
    assert line.query("Q4?") == "<4>"
    assert server.commands == ["Q1?", *["*IDN?"] * PROBES, "Q4?"]


# -- the connection ----------------------------------------------------------------------------


def test_a_refused_connection_is_one_sentence(session):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    start_s = time.monotonic()
    with pytest.raises(InstrumentError, match="refused; start the server") as caught:
        session(f"TCPIP::127.0.0.1::{port}::SOCKET", timeout_s=5.0)
    assert time.monotonic() - start_s < 1
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("fault", ["disconnect", ""])
def test_a_closed_connection_is_told_at_once(instrument, session, fault):
    server = instrument()
    line = session(server.address, timeout_s=5.0)
    server.faults.append(fault)
    start_s = time.monotonic()
    if not fault:
        assert line.query("Q1?") == "<1>"
        server.hang_up()
        while not line._exchange._line._poll.poll(1):
            pass
    with pytest.raises(InstrumentError, match=r"is lost: .*closed it; start the server"):
        line.query("Q2?")
    with pytest.raises(InstrumentError, match=r"'Q3\?' is not sent"):
        line.query("Q3?")
    assert time.monotonic() - start_s < 1
    line.reopen()
    assert line.query("Q4?") == "<4>"


def test_a_server_that_is_gone_cannot_be_reopened(instrument, session):
    server = instrument()
    line = session(server.address)
    server.stop()
    for _ in range(2):
        with pytest.raises(InstrumentError):
            line.reopen()
    with pytest.raises(InstrumentError, match="could not be opened again"):
        line.query("Q1?")


def test_a_server_that_never_answers(instrument, session):
    line = session(instrument(listening=False).address, timeout_s=0.05)
    for _ in range(2):  # the second one tries to get in step
        with pytest.raises(InstrumentError, match=r"'Q1.*start the server"):
            line.query("Q1?")


def test_a_line_that_stands_in_silence_has_a_remedy_of_its_own(instrument, session):
    server = instrument(listening=False)
    line = session(server.address, timeout_s=0.05, silence="stop the others")
    for _ in range(3):
        with pytest.raises(InstrumentError, match=r"'Q1.*; stop the others\n"):
            line.query("Q1?")
    server.stop()
    with pytest.raises(InstrumentError, match=r"refused; start the server$"):
        line.reopen()
    with pytest.raises(InstrumentError, match=r"could not be opened again; start the server\n"):
        line.query("Q1?")


def test_who_has_answered_is_not_silent(instrument, session):
    server = instrument()
    line = session(server.address, silence="stop the others")
    assert line.query("Q1?") == "<1>"
    server.hang_up()
    while not line._exchange._line._poll.poll(1):
        pass
    with pytest.raises(InstrumentError, match=r"is lost: .*; start the server\n"):
        line.query("Q2?")


@pytest.mark.parametrize(
    ("address", "kind", "message"),
    [
        ("keithley", ConfigError, "is no VISA address"),
        ("TCPIP::no-such-host.invalid::1225::SOCKET", InstrumentError, "no host"),
        ("ASRL/dev/no-such-line::INSTR", InstrumentError, "cannot be opened.*; start the server"),
    ],
)
def test_addresses_that_lead_nowhere(session, address, kind, message):
    with pytest.raises(kind, match=message):
        session(address)


def test_closed_is_closed(instrument, session):
    line = session(instrument().address)
    line.close()
    line.close()
    with pytest.raises(InstrumentError, match="it is closed"):
        line.query("Q1?")


# -- threads -----------------------------------------------------------------------------------


def in_threads(*works):
    """Run all at once and raise what the first one raised."""
    errors = []

    def guarded(work):
        try:
            work()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


def test_threads_never_get_each_others_answers(instrument, session):
    line = session(instrument().address, timeout_s=5.0)
    meter = Meter(line)

    def properties():
        assert all((meter.seven, meter.eight) == ("<7>", "<8>") for _ in range(300))

    def queries(base):
        for k in range(base, base + 600):
            assert line.query(f"Q{k}?") == f"<{k}>"

    in_threads(properties, properties, lambda: queries(1000), lambda: queries(5000))
    assert remarks(line) == []


def test_a_thread_that_dies_before_it_reads(instrument, session):
    line = session(instrument().address, timeout_s=1.0)
    in_threads(lambda: line.write("Q1?"))
    works = [lambda k=k: check(line, k) for k in (2, 3)]
    in_threads(*works)


def check(line, number):
    assert line.query(f"Q{number}?") == f"<{number}>"


def test_a_thread_that_never_reads_is_named(instrument, session):
    line = session(instrument().address, timeout_s=0.1)
    wrote, go = threading.Event(), threading.Event()

    def lazy():
        line.write("Q1?")
        wrote.set()
        go.wait(10)
        assert line.read() == "<1>"

    thread = threading.Thread(target=lazy, name="a lazy one")
    thread.start()
    wrote.wait(10)
    with pytest.raises(InstrumentError, match=r"'Q2\?' was not sent, for the thread 'a lazy one'"):
        line.query("Q2?")
    go.set()
    thread.join(10)
    assert line.query("Q3?") == "<3>"


# -- what is kept ------------------------------------------------------------------------------


def test_the_bytes_are_kept_with_times(instrument, session, tmp_path):
    before_s = time.monotonic()
    line = session(instrument().address, record=tmp_path / "bytes.txt")
    line.query("Q1?")
    sent, received = line.traffic.entries()
    assert (sent.kind, sent.data, received.kind, received.data) == (">", b"Q1?\0", "<", b"<1>")
    assert before_s < sent.time_s < received.time_s < time.monotonic()
    rows = (tmp_path / "bytes.txt").read_text().splitlines()
    assert [row.split(" ", 1)[1] for row in rows] == [r"> b'Q1?\x00'", "< b'<1>'"]


def test_the_ring_is_bounded(instrument, session):
    line = session(instrument().address)
    for k in range(400):
        line.query(f"Q{k}?")
    entries = line.traffic.entries()
    assert len(entries) == 500
    assert entries[-1].data == b"<399>"


# -- anything at all ---------------------------------------------------------------------------

kinds = st.sampled_from(
    ["", "", "dropped", "truncated", "cut", "garbled", "duplicated", "stray", "disconnect"]
)
late = st.tuples(st.just("late"), st.sampled_from([0.01, 0.05, 0.08, 0.15]))


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(kinds | late, min_size=1, max_size=6))
def test_the_right_answer_or_an_error(instrument, session, faults):
    server = instrument()
    line = session(server.address, timeout_s=0.05)
    server.faults.extend(faults)
    number = 100
    for _ in range(30):
        number += 1
        try:
            assert line.ask(f"Q{number}?", own_number)[1] == str(number)
        except HilError as error:
            assert isinstance(error, InstrumentError)  # noqa: PT017
            if "is lost" in str(error) or "does not answer" in str(error):
                line.reopen()
        else:
            if not server.faults:
                break
    assert not server.faults
    line.close()
    server.stop()
