"""HiSLIP: frames by hand, pyvisa-py as a client, and whatever else may come over such a line."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymeasure.instruments.keithley import Keithley4200
from pymeasure.instruments.keithley.keithley4200 import StatusCode

from hil.simulators.instruments.wire import hislip_frames
from hil.simulators.instruments.wire.server import Loop
from hil.virtual import InstrumentPlan, LabPlan
from tests.simulators.instruments.echo import PATIENCE_S, Running, echo_plan, install_echo, running
from tests.simulators.instruments.visa import opened

MAV = 16


@pytest.fixture(autouse=True)
def _echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_echo(tmp_path, monkeypatch)


@pytest.fixture
def lab() -> Iterator[Running]:
    with running(echo_plan(transport="hislip")) as lab:
        yield lab


class Frame(NamedTuple):
    kind: int
    control: int
    parameter: int
    payload: bytes


class Channel:
    """One of the two connections of a client that writes its frames by hand."""

    def __init__(self, lab: Running) -> None:
        place = lab.server.addresses["echo"].split("::")[2]
        self.socket = socket.create_connection(("127.0.0.1", int(place.split(",")[1])), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lab.clients.append(self)  # type: ignore[arg-type]

    def send(self, kind: int, control: int = 0, parameter: int = 0, payload: bytes = b"") -> None:
        head = struct.pack("!2sBBIQ", b"HS", kind, control, parameter, len(payload))
        self.socket.sendall(head + payload)

    def frame(self) -> Frame:
        magic, kind, control, number, size = struct.unpack("!2sBBIQ", self._exactly(16))
        assert magic == b"HS"
        return Frame(kind, control, number, self._exactly(size))

    def is_over(self) -> bool:
        try:
            return not self.socket.recv(1)
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise EOFError(data)
            data += part
        return data


class Both:
    """A client with both its channels."""

    def __init__(self, lab: Running) -> None:
        self.sync, self.other = Channel(lab), Channel(lab)
        self.sync.send(0, 0, 0x0100_0000, b"hislip0")
        kind, overlap, parameter, _ = self.sync.frame()
        assert (kind, overlap, parameter >> 16) == (1, 0, 0x0100)
        self.other.send(17, 0, parameter & 0xFFFF)
        assert self.other.frame().kind == 18
        self.number = 0xFFFF_FF00

    def say(self, text: bytes, control: int = 0, kind: int = 7) -> None:
        self.sync.send(kind, control, self.number, text)
        self.number = (self.number + 2) & 0xFFFF_FFFF

    def ask(self, text: bytes, control: int = 1) -> bytes:
        self.say(text, control)
        kind, _, number, payload = self.sync.frame()
        assert (kind, number) == (7, self.number - 2)
        return payload

    def status(self, control: int = 0) -> int:
        self.other.send(21, control, self.number)
        kind, status, _, _ = self.other.frame()
        assert kind == 22
        return status

    def close(self) -> None:
        self.sync.close()
        self.other.close()


class TestPyvisa:
    def test_asks_polls_and_clears(self, lab: Running) -> None:
        with opened(lab.server.addresses["echo"]) as client:
            assert client.query("abc") == "abc"
            assert client.read_stb() == 0
            client.write("status 65")
            assert client.read_stb() == 65
            client.write("an answer that waits")
            client.write("status 0")
            assert client.query("next") == "next"
        with opened(lab.server.addresses["echo"]) as client:
            client.clear()
            assert client.query("obeyed") == "clear"

    def test_sees_that_an_answer_waits(self, lab: Running) -> None:
        with opened(lab.server.addresses["echo"]) as client:
            client.write("abc")
            while not client.read_stb() & MAV:
                continue
            assert client.read() == "abc"
            assert client.read_stb() == 0

    def test_long_messages_and_answers(self, lab: Running) -> None:
        with opened(lab.server.addresses["echo"]) as client:
            client.chunk_size = 1 << 20
            long = "x" * 3_000_000  # in three frames
            assert client.query(long) == long
            client.write_raw(bytes(range(1, 256)))
            assert client.read_raw() == bytes(range(1, 256)) + b"\0"


def test_pymeasures_own_driver_measures_over_it() -> None:
    plan = LabPlan(
        instruments={"scs": InstrumentPlan(type="keithley4200", transport="hislip")},
        wiring={"PMU1-1": "top"}, model="resistor", parameters={"resistance_ohm": 10e3},
    )  # fmt: skip
    with running(plan) as lab:
        driver = Keithley4200(lab.server.addresses["scs"], visa_library="@py", timeout=20_000)
        assert "KI4200" in driver.id
        driver.clear()
        assert driver.status == StatusCode.NONE
        driver.smu1.voltage_setpoint = (0, 0.5, 1e-2)
        assert driver.smu1.voltage / driver.smu1.current == pytest.approx(10e3, rel=1e-3)
        assert driver.status == StatusCode.DATA_READY
        driver.adapter.close()


class TestMessages:
    def test_end_with_their_frame_with_or_without_a_terminator(self, lab: Running) -> None:
        client = Both(lab)
        assert client.ask(b"abc\0") == client.ask(b"abc") == b"abc\0"
        client.say(b"in two ", control=1, kind=6)
        assert client.ask(b"parts") == b"in two parts\0"

    def test_several_in_one_frame_are_handled_one_after_the_other(self, lab: Running) -> None:
        client = Both(lab)
        client.say(b"one\0two\0three")
        assert [client.sync.frame().payload for _ in range(3)] == [b"one\0", b"two\0", b"three\0"]

    def test_are_logged_as_they_came_without_frames(self, lab: Running) -> None:
        client = Both(lab)
        client.ask(b"abc\0")
        client.ask(b"d")
        client.status()
        told = [(entry[4], entry[5]) for entry in lab.ask("bytes 0")]
        assert told == [
            ("in", "abc\0"), ("out", "abc\0"), ("in", "d"), ("out", "d\0"), ("poll", "\x10"),
        ]  # fmt: skip

    def test_answers_fit_what_the_client_can_take(self, lab: Running) -> None:
        client = Both(lab)
        client.other.send(15, 0, 0, (100).to_bytes(8, "big"))
        kind, _, _, size = client.other.frame()
        assert (kind, int.from_bytes(size, "big") >= 1 << 20) == (16, True)
        client.say(b"big 250")
        frames = [client.sync.frame() for _ in range(3)]
        assert [(f.kind, len(f.payload)) for f in frames] == [(6, 100), (6, 100), (7, 51)]

    def test_a_trigger_reaches_the_instrument(self, lab: Running) -> None:
        client = Both(lab)
        client.say(b"", kind=12)
        assert client.ask(b"obeyed") == b"trigger\0"

    def test_too_long_a_message_ends_the_session_and_no_more(self, lab: Running) -> None:
        client = Both(lab)
        part = b"x" * 1_000_000
        for _ in range(5):
            client.say(part, kind=6)
        assert client.sync.frame()[:2] == (2, 1)
        assert Both(lab).ask(b"abc") == b"abc\0"


class TestAnswersThatAreNotTaken:
    def test_are_interrupted_by_the_next_message(self, lab: Running) -> None:
        client = Both(lab)
        client.ask(b"first")
        client.say(b"second", control=0)
        asked = client.number - 2
        assert client.sync.frame()[:3] == (13, 0, asked)
        assert client.other.frame()[:3] == (14, 0, asked)
        assert client.sync.frame()[3] == b"second\0"

    def test_are_not_when_the_client_says_that_it_has_them(self, lab: Running) -> None:
        client = Both(lab)
        client.ask(b"first")
        assert client.status() == MAV
        assert client.status(control=1) == 0
        assert client.ask(b"second", control=0) == b"second\0"


class TestDeviceClear:
    def test_forgets_what_has_come_and_what_was_to_go(self) -> None:
        with running(echo_plan(transport="hislip", pace="real")) as lab:
            client = Both(lab)
            client.say(b"half a mess", kind=6)
            client.say(b"age\0busy 0.2")
            client.say(b"after it")
            client.other.send(19)
            assert client.other.frame()[:2] == (23, 0)
            client.say(b"still before the end")
            client.sync.send(8)
            assert client.sync.frame().payload == b"half a message\0"  # it was under way
            assert client.sync.frame()[:2] == (9, 0)
            client.number = 0xFFFF_FF00
            said = [entry[5] for entry in lab.ask("bytes 0") if entry[4] == "in"]
            assert said == ["half a message\0", "busy 0.2"]
            lab.server._instruments["echo"].busy_until_s = 0.0
            assert client.ask(b"obeyed", control=0) == b"clear\0"
            assert client.ask(b"busy 0.3") == b"busy 0.3\0"  # nothing comes of the first one
            assert client.ask(b"abc") == b"abc\0"

    def test_of_a_device_with_nothing_to_forget(self, lab: Running) -> None:
        client = Both(lab)
        for _ in range(2):
            client.other.send(19)
            assert client.other.frame().kind == 23
            client.sync.send(8)
            assert client.sync.frame().kind == 9
        assert client.ask(b"obeyed") == b"clear clear\0"


class TestBusyInstruments:
    def test_answer_when_it_is_time_and_tell_their_status_before(self) -> None:
        with running(echo_plan(transport="hislip", pace="real")) as lab:
            client = Both(lab)
            begin_s = time.monotonic()
            client.say(b"busy 0.3\0next")
            assert client.status() & MAV == 0
            assert time.monotonic() - begin_s < 0.3
            assert client.sync.frame().payload == b"busy 0.3\0"
            assert time.monotonic() - begin_s >= 0.3
            assert client.sync.frame().payload == b"next\0"

    def test_take_no_time_on_the_wall_at_virtual_pace(self, lab: Running) -> None:
        client = Both(lab)
        assert client.ask(b"busy 1000") == b"busy 1000\0"
        assert lab.ask("now") == 1000.0


def test_what_was_written_before_a_poll_is_done_before_it(
    lab: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, gate, waits = Loop._ready, threading.Event(), threading.Event()
    monkeypatch.setattr(Loop, "_ready", lambda loop: ready(loop)[::-1])

    def wait() -> None:
        waits.set()
        gate.wait(PATIENCE_S)

    client = Both(lab)
    lab.server._loop.call_later(0, wait)
    lab.control().send("now")  # wakes the loop
    assert waits.wait(PATIENCE_S)
    client.say(b"status 65")
    client.other.send(21, 0, client.number)
    gate.set()
    assert client.other.frame()[:2] == (22, 65)


class TestLocks:
    def test_are_granted_once_and_taken_back(self, lab: Running) -> None:
        client = Both(lab)

        def lock(control: int, name: bytes = b"") -> int:
            client.other.send(4, control, 1000, name)
            kind, answer, _, _ = client.other.frame()
            assert kind == 5
            return answer

        def info() -> tuple[int, int]:
            client.other.send(24)
            kind, exclusive, clients, _ = client.other.frame()
            assert kind == 25
            return exclusive, clients

        assert (lock(0), info()) == (3, (0, 0))
        assert (lock(1), info()) == (1, (1, 1))
        assert lock(1) == 3
        assert (lock(0), info()) == (1, (0, 0))
        assert (lock(1, b"shared"), info()) == (1, (0, 1))
        assert (lock(0), info()) == (2, (0, 0))
        assert lock(7) == 3

    def test_remote_and_local_are_taken_note_of(self, lab: Running) -> None:
        client = Both(lab)
        client.other.send(10, 4)
        assert client.other.frame().kind == 11
        client.other.send(10, 9)
        assert client.other.frame()[:2] == (3, 2)
        assert client.ask(b"abc") == b"abc\0"


class TestClients:
    def test_the_next_one_waits_until_the_first_has_gone(self, lab: Running) -> None:
        first, second = Both(lab), Channel(lab)
        second.send(0, 0, 0x0100_0000, b"hislip0")
        assert first.ask(b"first") == b"first\0"
        second.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            second.frame()
        second.socket.settimeout(PATIENCE_S)
        second.send(0, 0, 0x0100_0000, b"hislip0")
        first.close()
        assert second.frame().kind == 1
        assert second.frame()[:2] == (2, 2)  # of the second time that it asked

    def test_the_instrument_knows_who_comes_and_goes(self, lab: Running) -> None:
        Both(lab).close()
        Channel(lab).close()
        assert Both(lab).ask(b"clients") == b"here gone here\0"

    @pytest.mark.parametrize("which", ["sync", "other"])
    def test_one_that_loses_a_channel_has_gone(self, lab: Running, which: str) -> None:
        client = Both(lab)
        client.ask(b"abc")
        getattr(client, which).close()
        rest = client.other if which == "sync" else client.sync
        assert rest.is_over()
        assert Both(lab).ask(b"clients") == b"here gone here\0"

    def test_one_that_goes_before_it_was_complete_leaves_room(self, lab: Running) -> None:
        half = Channel(lab)
        half.send(0, 0, 0x0100_0000, b"hislip0")
        assert half.frame().kind == 1
        half.close()
        assert Both(lab).ask(b"abc") == b"abc\0"

    def test_a_broken_instrument_loses_both_channels(
        self, lab: Running, capfd: pytest.CaptureFixture[str]
    ) -> None:
        client = Both(lab)
        client.say(b"fail")
        assert client.sync.is_over()
        assert client.other.is_over()
        assert Both(lab).ask(b"abc") == b"abc\0"
        assert "RuntimeError" in capfd.readouterr().err


class TestWrongFrames:
    @pytest.mark.parametrize(
        ("kind", "parameter", "code"), [(7, 0, 2), (17, 0x7777, 3), (21, 0, 2)]
    )
    def test_a_session_begins_with_initialize(
        self, lab: Running, kind: int, parameter: int, code: int
    ) -> None:
        channel = Channel(lab)
        channel.send(kind, 0, parameter)
        assert channel.frame()[:2] == (2, code)
        assert channel.is_over()

    def test_data_before_the_other_channel_is_there_is_refused(self, lab: Running) -> None:
        channel = Channel(lab)
        channel.send(0, 0, 0x0100_0000, b"hislip0")
        channel.frame()
        channel.send(7, 0, 0xFFFF_FF00, b"abc")
        assert channel.frame()[:2] == (2, 2)

    def test_a_third_channel_is_refused(self, lab: Running) -> None:
        client, third = Both(lab), Channel(lab)
        third.send(17, 0, 1)
        assert third.frame()[:2] == (2, 3)
        assert client.ask(b"abc") == b"abc\0"

    @pytest.mark.parametrize("kind", [1, 26, 127, 200])
    def test_an_unknown_type_is_complained_about(self, lab: Running, kind: int) -> None:
        client = Both(lab)
        client.sync.send(kind, payload=b"what?")
        assert client.sync.frame()[:2] == (3, 1)
        client.other.send(kind, payload=b"what?")
        assert client.other.frame()[:2] == (3, 1)
        assert client.ask(b"abc") == b"abc\0"

    @pytest.mark.parametrize(
        "wire", [b"GET / HTTP/1.1\r\n\r\n", b"X", b"HS" + b"\xff" * 14, b"HS\7\0" + b"\0" * 3]
    )
    def test_what_is_no_frame_ends_the_connection(self, lab: Running, wire: bytes) -> None:
        for channel in (Channel(lab), Both(lab).sync):
            channel.socket.sendall(wire)
            if len(wire) < 16 and wire.startswith(b"HS"):  # it could still become one
                channel.close()
            else:
                assert channel.frame()[:2] == (2, 1)
                assert channel.is_over()
        assert Both(lab).ask(b"abc") == b"abc\0"

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.tuples(
                st.booleans(), st.integers(0, 40), st.integers(0, 10),
                st.integers(0, 2**32 - 1), st.binary(max_size=20),
            ),
            max_size=8,
        ),
        st.binary(max_size=40),
    )  # fmt: skip
    def test_no_frames_at_all_stop_the_server(
        self, lab: Running, frames: list[tuple[bool, int, int, int, bytes]], rubbish: bytes
    ) -> None:
        client = Both(lab)
        try:
            for on_sync, kind, control, parameter, payload in frames:
                channel = client.sync if on_sync else client.other
                channel.send(kind, control, parameter, payload.replace(b"fail", b""))
            client.sync.socket.sendall(rubbish)
        except OSError:  # it was closed over one of them
            pass
        client.close()
        client = Both(lab)
        assert client.ask(b"abc") == b"abc\0"
        client.close()

    @given(st.binary(max_size=64))
    def test_whatever_is_cut_can_be_parsed_or_is_none(self, data: bytes) -> None:
        found = hislip_frames.cut(bytearray(data))
        if found is not None:
            frame = hislip_frames.parsed(data[: found[0]])
            assert frame is None or frame.packed() == data[: found[0]]
