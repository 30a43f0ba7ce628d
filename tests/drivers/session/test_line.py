"""Lines other than pyvisa-py's sockets: a pseudo terminal, and whatever pyvisa has."""

import os
import select
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyvisa.constants import StopBits

from hil.drivers.session.line import Line, VisaLine
from hil.errors import ConfigError, InstrumentError, SessionTimeout


class Chunks(Line):
    """A line that gives what it is made of, chunk by chunk, and then nothing."""

    def __init__(self, chunks, end):
        super().__init__(end)
        self._chunks = list(chunks)

    def send(self, data, timeout_s):
        pass

    def _more(self, timeout_s, count):
        if not self._chunks:
            raise TimeoutError
        return self._chunks.pop(0)

    def _arrived(self):
        return b""


@given(
    st.lists(st.binary(max_size=8).filter(lambda text: b"\r" not in text), max_size=5),
    st.lists(st.integers(1, 4)),
    st.sampled_from([b"\r\n", b"\r", b"\r\r\n"]),
)
def test_messages_do_not_depend_on_chunks(messages, sizes, end):
    stream, chunks = b"".join(text + end for text in messages) + b"half", []
    for size in sizes:
        chunks.append(stream[:size])
        stream = stream[size:]
    line = Chunks([chunk for chunk in (*chunks, stream) if chunk], end)
    assert [line.message(1.0) for _ in messages] == messages
    with pytest.raises(TimeoutError):
        line.message(1.0)
    assert line.waiting() == b"half"
    assert line.waiting() == b""


class Terminal:
    """An instrument on a pseudo terminal; *faults* are what is sent in place of an answer."""

    def __init__(self):
        self.faults: list[bytes] = []
        self.far, self.near = os.openpty()
        self.address = f"ASRL{os.ttyname(self.near)}::INSTR"
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def vanish(self):
        """End, and leave no line behind; once is enough."""
        if self._thread.is_alive():
            os.write(self._wake, b"x")
            self._thread.join(5)
            for each in (self.far, self.near, self._woken, self._wake):
                os.close(each)

    def _serve(self):
        held = b""
        while True:
            ready, _, _ = select.select([self.far, self._woken], [], [])
            if self._woken in ready:
                return
            *commands, held = (held + os.read(self.far, 4096)).split(b"\n")
            for command in commands:
                text = command.decode()
                answer = "TEST,TTY,1,1.0" if text == "*IDN?" else f"<{text.strip('Q?')}>"
                usual = answer.encode() + b"\r\n"
                os.write(self.far, self.faults.pop(0) if self.faults else usual)


@pytest.fixture
def terminal():
    made = Terminal()
    yield made
    made.vanish()


@pytest.fixture
def serial(session, terminal):
    return session(
        terminal.address,
        write_termination="\n",
        read_termination="\r\n",
        resync=("*IDN?", r"TEST,TTY,1,1\.0"),
        settings={"baud_rate": 115200, "parity": "none", "stop_bits": 2},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo terminals")
class TestSerial:
    """A serial line, through pyvisa-py and pyserial."""

    def test_answers(self, serial):
        assert [serial.query(f"Q{k}?") for k in range(20)] == [f"<{k}>" for k in range(20)]
        assert serial.connection.baud_rate == 115200
        assert serial.connection.stop_bits == StopBits.two

    def test_bytes_that_nobody_asked_for(self, serial, terminal):
        assert serial.query("Q1?") == "<1>"
        os.write(terminal.far, b"<2>\r\n")
        while not serial.connection.bytes_in_buffer:
            pass
        assert serial.query("Q3?") == "<3>"

    def test_half_an_answer_and_silence(self, serial, terminal):
        terminal.faults.append(b"<1")
        with pytest.raises(SessionTimeout, match=r"'Q1\?' within 0.2 s"):
            serial.query("Q1?")
        assert serial.query("Q2?") == "<2>"

    def test_no_text(self, serial, terminal):
        terminal.faults.append(b"<\x91>\r\n")
        with pytest.raises(InstrumentError, match="is no text"):
            serial.query("Q1?")
        assert serial.query("Q2?") == "<2>"

    def test_binary_data(self, serial, terminal):
        terminal.faults.append(b"\x00\r\n\x80\xff")
        serial.write("Q1?")
        assert serial.read_bytes(5) == b"\x00\r\n\x80\xff"
        assert serial.query("Q2?") == "<2>"

    def test_the_line_goes_away(self, serial, terminal):
        assert serial.query("Q1?") == "<1>"
        terminal.vanish()
        with pytest.raises(InstrumentError, match="start the server"):
            serial.query("Q2?")

    @pytest.mark.parametrize("setting", [{"parity": "even?"}, {"stop_bits": 3}, {"speed": 9600}])
    def test_settings_that_do_not_exist(self, session, terminal, setting):
        with pytest.raises(ConfigError, match=r"setting of a serial line|'speed' is not"):
            session(terminal.address, settings=setting)


@pytest.fixture
def plain(monkeypatch):
    """Every line goes through pyvisa's public interface, as with another backend."""

    def open_line(resource, termination):
        resource.read_termination = termination
        return VisaLine(resource, termination.encode())

    monkeypatch.setattr("hil.drivers.session.exchange.open_line", open_line)


class TestAnyBackend:
    """A socket as other backends give it."""

    def test_answers(self, plain, instrument, session):
        line = session(instrument().address)
        assert [line.query(f"Q{k}?") for k in range(5)] == [f"<{k}>" for k in range(5)]

    @pytest.mark.parametrize("fault", [("late", 0.3), "duplicated", "dropped", "truncated"])
    def test_never_a_wrong_answer(self, plain, instrument, session, fault):
        server = instrument()
        line = session(server.address)
        server.faults.append(fault)
        answers = []
        for k in range(4):
            try:
                answers.append((k, line.query(f"Q{k}?")))
            except SessionTimeout:
                assert k == 0
        assert [text for _, text in answers] == [f"<{k}>" for k, _ in answers]

    def test_a_lost_connection_is_an_instrument_error(self, plain, instrument, session):
        server = instrument()
        line = session(server.address, timeout_s=0.05)
        server.faults.append("disconnect")
        for k in range(2):
            with pytest.raises(InstrumentError):
                line.query(f"Q{k}?")
