"""What goes wrong on the wire, fault by fault, as a client sees it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import pyvisa

from hil.errors import ConfigError
from hil.simulators.instruments.wire.faults import Fault, Faults
from tests.simulators.instruments.echo import Running, echo_plan, install_echo, running, until
from tests.simulators.instruments.visa import opened

NEEDS_POSIX = pytest.mark.skipif(os.name != "posix", reason="pseudo terminals are of POSIX")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    install_echo(tmp_path, monkeypatch)
    with running(echo_plan("echo", "other")) as lab:
        yield lab


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        ("cut", ["abc", "next"]),
        ("truncated", ["abcnext"]),
        ("dropped", ["next"]),
        ("duplicated", ["abcdef", "abcdef", "next"]),
    ],
)
def test_one_answer_is_spoiled_and_the_next_is_not(
    lab: Running, kind: str, answers: list[str]
) -> None:
    assert lab.ask(f"fault {kind} echo") is None
    client = lab.client()
    client.send("abcdef")
    client.send("next")
    assert [client.answer() for _ in answers] == answers
    assert client.ask("again") == "again"


def test_garbled_bytes_are_none_that_an_instrument_sends(lab: Running) -> None:
    text = "N 1.0035E-06," * 10
    lab.ask("fault garbled echo")
    client = lab.client()
    garbled = client.ask(text)
    changed = [new for old, new in zip(text, garbled, strict=True) if old != new]
    assert 0 < len(changed) < len(text)
    assert all(0x80 <= ord(new) <= 0xFF for new in changed)
    assert client.ask(text) == text


def test_even_an_empty_answer_is_garbled() -> None:
    assert Faults(seed=1).garbled(b"")[0] >= 0x80


def test_equal_seeds_garble_alike() -> None:
    once, again, other = (Faults(seed).garbled(b"x" * 100) for seed in (1, 1, 2))
    assert once == again != other


def test_disconnect_closes_the_connection_instead_of_an_answer(lab: Running) -> None:
    lab.ask("fault disconnect echo")
    client = lab.client()
    with pytest.raises(EOFError):
        client.ask("abc")
    assert lab.client().ask("abc") == "abc"


def test_a_late_answer_comes_late_and_in_order_while_others_are_served(lab: Running) -> None:
    lab.ask("fault late echo seconds=0.3")
    client, other = lab.client(), lab.client("other")
    begin_s = time.monotonic()
    client.send("slow")
    client.send("next")
    assert other.ask("at once") == "at once"
    assert time.monotonic() - begin_s < 0.3
    assert [client.answer(), client.answer()] == ["slow", "next"]
    assert time.monotonic() - begin_s >= 0.3


def test_who_leaves_before_a_late_answer_leaves_room_for_the_next(lab: Running) -> None:
    lab.ask("fault late echo seconds=0.2")
    client = lab.client()
    client.send("slow")
    client.close()
    client = lab.client()
    assert client.ask("abc") == "abc"
    lab.ask("fault late echo seconds=0.4")
    assert client.ask("slow again") == "slow again"
    sent = [entry.wire for _, entry in lab.lab.messages.since(0) if entry.direction == "out"]
    assert sent == [b"abc\0", b"slow again\0"]


def test_half_open_serves_nobody_for_a_while_after_a_client_has_gone(lab: Running) -> None:
    lab.ask("fault half-open echo seconds=0.3")
    client = lab.client()
    assert client.ask("served") == "served"
    begin_s = time.monotonic()
    client.close()
    assert lab.client("other").ask("abc") == "abc"
    client = lab.client()
    assert client.ask("served") == "served"
    assert time.monotonic() - begin_s >= 0.3
    client.close()
    assert lab.client().ask("once only") == "once only"


def test_skipped_answers_and_other_instruments_stay_as_they_are(lab: Running) -> None:
    lab.ask("fault cut echo skip=2")
    echo, other = lab.client(), lab.client("other")
    assert [other.ask("abcdef") for _ in range(3)] == ["abcdef"] * 3
    assert [echo.ask("abcdef") for _ in range(4)] == ["abcdef", "abcdef", "abc", "abcdef"]


def test_a_message_without_an_answer_uses_up_no_fault(lab: Running) -> None:
    lab.ask("fault cut echo")
    client = lab.client()
    client.send("silence")
    assert client.ask("abcdef") == "abc"


def test_faults_of_one_instrument_happen_one_after_the_other(lab: Running) -> None:
    for kind in ("cut", "dropped", "cut"):
        lab.ask(f"fault {kind} echo")
    client = lab.client()
    for text in ("abcd", "efgh", "ijkl", "mnop"):
        client.send(text)
    assert [client.answer() for _ in range(3)] == ["ab", "ij", "mnop"]


def test_cleared_faults_do_not_happen(lab: Running) -> None:
    lab.ask("fault dropped echo")
    lab.ask("fault half-open echo seconds=60")
    lab.ask("faults clear")
    assert lab.client().ask("abc") == "abc"
    lab.clients[-1].close()
    assert lab.client().ask("abc") == "abc"


@pytest.mark.parametrize(
    "wrong", [{"kind": "lat"}, {"seconds": -1.0}, {"seconds": float("nan")}, {"skip": -1}]
)
def test_impossible_faults_are_refused(wrong: dict[str, object]) -> None:
    fault = Fault(**{"kind": "late", "instrument": "echo", **wrong})  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        Faults(seed=0).add(fault)


TRANSPORTS = ["socket", "hislip", pytest.param("pty", marks=NEEDS_POSIX)]


@pytest.mark.parametrize("transport", TRANSPORTS)
class TestOverEachTransport:
    @pytest.fixture
    def lab(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transport: str
    ) -> Iterator[Running]:
        install_echo(tmp_path, monkeypatch)
        with running(echo_plan(transport=transport)) as lab:
            yield lab

    def test_an_answer_is_cut_and_the_next_is_not(self, lab: Running) -> None:
        lab.ask("fault cut echo")
        with opened(lab.server.addresses["echo"]) as client:
            assert [client.query("abcdef") for _ in range(2)] == ["abc", "abcdef"]

    def test_an_answer_is_garbled_and_the_next_is_not(self, lab: Running) -> None:
        lab.ask("fault garbled echo")
        with opened(lab.server.addresses["echo"]) as client:
            client.write("abcdef" * 20)
            assert max(client.read_raw()) >= 0x80
            assert client.query("abc") == "abc"

    @pytest.mark.parametrize("kind", ["dropped", "truncated"])
    def test_an_answer_that_never_ends_runs_into_the_clients_timeout(
        self, lab: Running, kind: str
    ) -> None:
        lab.ask(f"fault {kind} echo")
        with opened(lab.server.addresses["echo"], timeout_s=0.1) as client:
            client.write("abcdef")
            with pytest.raises(pyvisa.VisaIOError, match="TMO"):
                client.read()
            client.timeout = 10_000
            assert client.query("abc") == "abc"

    def test_an_answer_comes_late(self, lab: Running) -> None:
        lab.ask("fault late echo seconds=0.2")
        begin_s = time.monotonic()
        with opened(lab.server.addresses["echo"]) as client:
            assert client.query("abc") == "abc"
            assert time.monotonic() - begin_s >= 0.2

    def test_a_disconnected_client_may_come_again(self, lab: Running, transport: str) -> None:
        lab.ask("fault disconnect echo")
        with opened(lab.server.addresses["echo"], timeout_s=0.2) as client:
            client.write("abc")
            with pytest.raises((pyvisa.VisaIOError, RuntimeError)):
                client.read()
        with opened(lab.server.addresses["echo"]) as client:
            # a terminal that is not closed at once may be seen as a client of its own
            assert client.query("clients").endswith("here gone here")

    def test_nobody_is_served_for_a_while_after_half_open(self, lab: Running) -> None:
        lab.ask("fault half-open echo seconds=0.2")
        with opened(lab.server.addresses["echo"]) as client:
            assert client.query("abc") == "abc"
        until(lambda: not lab.has_client())
        begin_s = time.monotonic()
        with opened(lab.server.addresses["echo"]) as client:
            assert client.query("abc") == "abc"
            assert time.monotonic() - begin_s >= 0.15


def test_hislip_throws_away_an_answer_that_comes_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_echo(tmp_path, monkeypatch)
    with running(echo_plan(transport="hislip")) as lab:
        lab.ask("fault duplicated echo")
        with opened(lab.server.addresses["echo"]) as client:
            assert [client.query(text) for text in ("one", "two", "three")] == [
                "one", "two", "three",
            ]  # fmt: skip
