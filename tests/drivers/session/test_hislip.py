"""A session over HiSLIP, through pyvisa-py: what it makes of answers that go wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.drivers.session.session import Session
from hil.errors import InstrumentError, SessionTimeout
from tests.simulators.instruments.echo import Running, echo_plan, install_echo, running


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    install_echo(tmp_path, monkeypatch)
    with running(echo_plan(transport="hislip")) as lab:
        yield lab


@pytest.fixture
def session(lab: Running) -> Iterator[Session]:
    session = Session(
        lab.server.addresses["echo"], write_termination="\0", read_termination="\0",
        resync=("ping", "ping"), timeout_s=0.2,
    )  # fmt: skip
    yield session
    session.close()


def ask(session: Session, message: str) -> str:
    session.write(message)
    answer: str = session.read()
    return answer


@pytest.mark.parametrize("fault", ["dropped echo", "truncated echo", "late echo seconds=0.4"])
def test_an_answer_that_is_missing_is_a_timeout_and_the_next_is_right(
    lab: Running, session: Session, fault: str
) -> None:
    assert ask(session, "abcdef") == "abcdef"
    lab.ask(f"fault {fault}")
    with pytest.raises(SessionTimeout):
        ask(session, "abcdef")
    assert [ask(session, text) for text in ("one", "two")] == ["one", "two"]


def test_a_connection_that_ends_is_told(lab: Running, session: Session) -> None:
    lab.ask("fault disconnect echo")
    with pytest.raises(InstrumentError, match="the connection is lost"):
        ask(session, "abc")


def test_an_answer_that_is_shorter_than_asked_for_is_a_timeout(session: Session) -> None:
    session.write("abc")
    with pytest.raises(SessionTimeout):
        session.read_bytes(5)
