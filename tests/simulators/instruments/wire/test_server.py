"""The lab's sockets: framing, one client an instrument, many at the control socket, the end."""

import json
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.errors import ConfigError, InstrumentError
from hil.simulators.instruments.lab.process import LabServer
from hil.simulators.instruments.wire.stream import LONGEST_MESSAGE
from tests.simulators.instruments.echo import Client, Running, echo_plan, install_echo, running

PULSES_A = [1 / 10050, 1 / 10050]
"""1 V over 50 ohm and 10 kohm, twice."""


@pytest.fixture(autouse=True)
def _echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_echo(tmp_path, monkeypatch)


@pytest.fixture
def lab() -> Iterator[Running]:
    with running(echo_plan("echo", "other", seed=5)) as lab:
        yield lab


def wire(lab: Running, number: int = 0) -> list[tuple[str, str, str]]:
    """What the byte log has: instrument, direction, text."""
    return [(entry[3], entry[4], entry[5]) for entry in lab.ask(f"bytes {number}")]


class TestMessages:
    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(st.text("abcXYZ;, 01", min_size=1, max_size=9), min_size=1, max_size=8),
        st.lists(st.integers(1, 80), max_size=6),
    )
    def test_are_cut_by_the_terminator_however_they_arrive(
        self, lab: Running, texts: list[str], cuts: list[int]
    ) -> None:
        client = lab.client()
        sent = "".join(f"{text}\0" for text in texts).encode()
        edges = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
        for begin, end in pairwise(edges):
            client.socket.sendall(sent[begin:end])
        assert [client.answer() for _ in texts] == texts
        client.close()

    def test_an_empty_message_is_a_message(self, lab: Running) -> None:
        assert lab.client().ask("") == ""

    def test_a_message_without_an_answer_holds_up_nothing(self, lab: Running) -> None:
        client = lab.client()
        client.send("silence")
        assert client.ask("abc") == "abc"

    def test_all_bytes_are_carried_and_logged_as_they_are(self, lab: Running) -> None:
        client = lab.client()
        everything = bytes(range(1, 256))
        client.socket.sendall(everything + b"\0")
        text = everything.decode("latin-1")
        assert client.answer() == text
        assert wire(lab) == [("echo", "in", text + "\0"), ("echo", "out", text + "\0")]

    def test_a_client_may_stop_sending_and_still_read(self, lab: Running) -> None:
        client = lab.client()
        client.send("abc")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer() == "abc"

    def test_a_client_that_does_not_read_holds_up_only_itself(self, lab: Running) -> None:
        client, other = lab.client(), lab.client("other")
        size = 30_000_000
        client.send(f"big {size}\0after it")
        assert other.ask("abc") == "abc"
        handled = [entry.wire[:8] for _, entry in lab.lab.messages.since(0)]
        assert b"big 3000" in handled
        assert b"after it" not in handled
        assert client.answer() == "x" * size
        assert client.answer() == "after it"

    def test_endless_ones_are_cut_off(self, lab: Running) -> None:
        client = lab.client()
        with pytest.raises(OSError, match=r"reset|pipe"):
            client.socket.sendall(b"x" * (LONGEST_MESSAGE * 10))
        assert lab.client().ask("abc") == "abc"


class TestClients:
    def test_the_next_one_waits_until_the_first_has_gone(self, lab: Running) -> None:
        first, second = lab.client(), lab.client()
        second.send("second")
        assert first.ask("first") == "first"
        second.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            second.answer()
        second.socket.settimeout(20)
        first.close()
        assert second.answer() == "second"

    def test_the_instrument_knows_who_comes_and_goes(self, lab: Running) -> None:
        lab.client().ask("abc")
        lab.clients[-1].close()
        assert lab.client().ask("clients") == "here gone here"

    def test_one_that_goes_in_mid_message_leaves_the_instrument_to_the_next(
        self, lab: Running
    ) -> None:
        client = lab.client()
        client.socket.sendall(b"whole\0half a mess")
        assert client.answer() == "whole"
        client.close()
        assert lab.client().ask("whole again") == "whole again"
        assert [text for _, way, text in wire(lab) if way == "in"] == [
            "whole\0",
            "half a mess",
            "whole again\0",
        ]

    def test_one_that_is_cut_off_the_hard_way_is_gone_too(self, lab: Running) -> None:
        client = lab.client()
        client.send("big 5000000")
        linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.close()
        assert lab.client().ask("clients") == "here gone here"


def test_an_instrument_that_breaks_loses_its_client_and_not_the_lab(
    lab: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    client, other = lab.client(), lab.client("other")
    with pytest.raises(EOFError):
        client.ask("fail")
    assert other.ask("abc") == "abc"
    assert lab.client().ask("clients") == "here gone here"
    assert "RuntimeError: this instrument is broken" in capfd.readouterr().err


class TestControl:
    def test_all_clients_see_one_clock_and_so_do_the_instruments(self, lab: Running) -> None:
        one, two = lab.control(), lab.control()
        assert [one.ask("now"), two.ask("now")] == ["0.0", "0.0"]
        assert one.ask("sleep 0.1") == "0.1"
        assert two.ask("sleep 0.2") == repr(0.1 + 0.2)
        assert float(one.ask("now")) == float(lab.client().ask("time")) == 0.1 + 0.2

    def test_real_time_is_not_moved(self) -> None:
        with running(echo_plan(pace="real")) as lab:
            assert lab.ask("pace") == "real"
            before_s = lab.ask("now")
            assert before_s <= lab.ask("sleep 1e6") <= lab.ask("now") < before_s + 60

    def test_lines_may_end_as_on_windows_and_come_together(self, lab: Running) -> None:
        control = lab.control()
        control.socket.sendall(b"pace\r\nnow\r\n")
        assert [control.answer(), control.answer()] == ['"virtual"', "0.0"]

    def test_addresses_are_those_of_the_instruments(self, lab: Running) -> None:
        addresses = lab.ask("addresses")
        assert addresses == lab.server.addresses
        client = Client(addresses["other"])
        assert client.ask("abc") == "abc"
        client.close()

    def test_the_terminal_log_has_the_waveforms_as_put_out(self, lab: Running) -> None:
        client = lab.client()
        lab.ask("sleep 2")
        before_s = time.time()
        assert json.loads(client.ask("pulse 1")) == pytest.approx(PULSES_A)
        on, waveform, off = lab.ask("terminals 0")
        where = {"time_s": 2.0, "source": "OUT", "terminal": "top"}
        assert before_s <= waveform.pop("wall_s") <= time.time()
        assert waveform == {
            **where, "n": 1, "kind": "waveform", "aborted": False,
            "duration_s": [1e-7, 1e-5, 1e-7], "start_v": [0.0, 1.0, 1.0],
            "stop_v": [1.0, 1.0, 0.0], "units": [[0, 3, 2]],
        }  # fmt: skip
        for entry, number in ((on, 0), (off, 2)):
            assert entry.pop("wall_s") > 0
            assert entry == {**where, "n": number, "kind": "output", "on": number == 0}
        client.ask("pulse -1")
        assert [entry["n"] for entry in lab.ask("terminals 2")] == [2, 3, 4, 5]
        assert lab.ask("terminals 99") == []

    def test_the_terminal_log_has_what_ended_by_now(
        self, lab: Running, capfd: pytest.CaptureFixture[str]
    ) -> None:
        lab.client().ask("later 2")
        lab.ask("sleep 1.5")
        assert lab.ask("terminals 0") == []
        lab.ask("sleep 0.5")
        assert [entry["kind"] for entry in lab.ask("terminals 0")][1] == "waveform"
        assert "RuntimeError: this pulse was too much" in capfd.readouterr().err

    def test_the_byte_log_numbers_and_times_every_message(self, lab: Running) -> None:
        client = lab.client("other")
        client.ask("abc")
        lab.ask("sleep 1.5")
        client.send("silence")
        client.ask("d")
        entries = lab.ask("bytes 1")
        assert [[e[0], e[1], *e[3:]] for e in entries] == [
            [1, 0.0, "other", "out", "abc\0"],
            [2, 1.5, "other", "in", "silence\0"],
            [3, 1.5, "other", "in", "d\0"],
            [4, 1.5, "other", "out", "d\0"],
        ]
        assert entries[0][2] <= entries[1][2] <= time.time()

    def test_the_interlock_is_of_one_instrument(self, lab: Running) -> None:
        echo, other = lab.client(), lab.client("other")
        assert lab.ask("interlock echo open") is None
        assert [echo.ask("interlock"), other.ask("interlock")] == ["True", "False"]
        lab.ask("interlock echo closed")
        assert echo.ask("interlock") == "False"

    def test_a_trouble_is_of_one_instrument_until_it_is_switched_off(self, lab: Running) -> None:
        echo, other = lab.client(), lab.client("other")
        for request_ in (
            "trouble echo hoarse on",
            "trouble echo hoarse on",
            "trouble echo deaf on",
        ):
            assert lab.ask(request_) is None
        assert [echo.ask("troubles"), other.ask("troubles")] == ["deaf hoarse", ""]
        lab.ask("trouble echo hoarse off")
        assert echo.ask("troubles") == "deaf"

    @pytest.mark.parametrize(
        ("request_", "words"),
        [
            ("", "there is no request"),
            ("trouble echo hoarce on", "did you mean 'hoarse'"),
            ("trouble ecko hoarse on", "did you mean 'echo'"),
            ("trouble echo hoarse perhaps", "on or off"),
            ("slepe 1", "did you mean 'sleep'"),
            ("sleep", "0 words"),
            ("sleep 1 2", "2 words"),
            ("sleep -1", "forward"),
            ("sleep nan", "forward"),
            ("sleep inf", "forward"),
            ("sleep soon", "soon"),
            ("now 1", "1 words"),
            ("terminals x", "x"),
            ("fault laet echo", "did you mean 'late'"),
            ("fault late ecko", "did you mean 'echo'"),
            ("fault late echo second=1", "did you mean 'seconds'"),
            ("fault late echo seconds=-1", "0 or more"),
            ("fault late echo skip=-1", "0 or more"),
            ("fault late echo skip=1.5", "1.5"),
            ("faults all", "faults clear"),
            ("interlock ecko open", "did you mean 'echo'"),
            ("interlock echo ajar", "open or closed"),
        ],
    )
    def test_a_bad_request_is_answered_and_changes_nothing(
        self, lab: Running, request_: str, words: str
    ) -> None:
        answer = lab.ask(request_)
        assert list(answer) == ["error"]
        assert words in answer["error"]
        assert lab.ask("now") == 0.0
        client = lab.client()
        assert [client.ask("abc"), client.ask("interlock")] == ["abc", "False"]

    def test_bytes_that_are_no_text_are_a_bad_request(self, lab: Running) -> None:
        control = lab.control()
        control.socket.sendall(b"\xff\xfe\n")
        assert "error" in json.loads(control.answer())


class TestTheEnd:
    def test_what_is_on_goes_to_0_v_and_off(self, lab: Running) -> None:
        lab.client("other").ask("level 0.7")
        lab.ask("stop")
        lab.thread.join(20)
        assert lab.server.switch_off() == ["other.source"]
        assert lab.server.switch_off() == []
        events = [event for _, event in lab.lab.events.since(0) if event.source == "other.source"]
        on, down, off = (event.what | {"at": event.time_s} for event in events)
        assert (on["on"], down["kind"], off["on"]) == (True, "waveform", False)
        assert off["at"] - down["at"] == pytest.approx(1e-3)
        assert events[1].signal is not None
        assert (events[1].signal.first_v, events[1].signal.last_v) == (0.7, 0.0)

    def test_one_that_cannot_settle_keeps_no_other_on(
        self, lab: Running, capfd: pytest.CaptureFixture[str]
    ) -> None:
        lab.client().ask("later 0")
        lab.client("other").ask("level 0.7")
        lab.ask("stop")
        lab.thread.join(20)
        assert lab.server.switch_off() == ["other.source"]
        assert "RuntimeError: this pulse was too much" in capfd.readouterr().err

    def test_a_lab_may_be_stopped_from_another_thread(self, lab: Running) -> None:
        lab.server.stop()
        lab.thread.join(20)
        assert not lab.thread.is_alive()

    def test_stop_is_answered_and_closes_everything(self, lab: Running) -> None:
        client, control = lab.client(), lab.control()
        client.ask("abc")
        assert control.ask("stop") == "null"
        lab.thread.join(20)
        assert not lab.thread.is_alive()
        lab.server.close()
        for one in (client, control):
            with pytest.raises(EOFError):
                one.answer()
        with pytest.raises(OSError, match="refused"):
            lab.client()

    def test_a_lab_that_nobody_has_come_to_ends_itself(self) -> None:
        begin_s = time.monotonic()
        server = LabServer(echo_plan(), idle_s=0.1)
        server.run()
        assert 0.1 <= time.monotonic() - begin_s < 5
        server.close()

    @pytest.mark.parametrize("who", ["client", "control"])
    def test_a_lab_with_somebody_there_does_not(self, who: str) -> None:
        with running(echo_plan(), idle_s=0.15) as lab:
            there = getattr(lab, who)()
            lab.thread.join(0.5)
            assert [bool(there.ask("pace")) for _ in range(3)] == [True] * 3
            there.close()
            left_s = time.monotonic()
            lab.thread.join(20)
            assert time.monotonic() - left_s >= 0.14
            assert not lab.thread.is_alive()

    def test_a_port_in_use_is_named_and_no_other_is_kept(self) -> None:
        taken = socket.create_server(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(InstrumentError, match=f"echo cannot listen at port {port}"):
            LabServer(echo_plan(port=port))
        taken.close()
        with running(echo_plan(port=port)) as lab:
            assert lab.server.addresses == {"echo": f"TCPIP::127.0.0.1::{port}::SOCKET"}

    @pytest.mark.parametrize("port", [-1, 70000])
    def test_a_port_that_is_none_is_refused(self, port: int) -> None:
        with pytest.raises(InstrumentError, match=f"port {port}"):
            LabServer(echo_plan(port=port))

    def test_an_unknown_instrument_is_refused(self) -> None:
        plan = echo_plan()
        plan.instruments["x"] = plan.instruments["echo"].__class__(type="ekho")
        with pytest.raises(ConfigError, match="there is echo"):
            LabServer(plan)
