"""What every switch must do that leads a cell to one of several paths.

Subclass `SwitchContract` and override the fixture ``switch``, connected and with at least two
paths::

    class TestMySwitch(SwitchContract):
        @pytest.fixture
        def switch(self):
            switch = connected("ASRL/dev/ttyUSB0::INSTR", ...)
            yield switch
            switch.close()

On a real bench nothing may be on while it runs: the contacts move.
"""

from collections.abc import Callable
from typing import Any

import pytest

from hil.errors import ConfigError
from hil.guard import SafeMessages


class SwitchContract:
    """The contract; each test says in its name what a switch must do."""

    @pytest.fixture
    def switch(self) -> Any:
        """Give the switch under test; to be overridden."""
        raise NotImplementedError("override the fixture switch with a connected switch")

    @pytest.fixture
    def sent(self) -> Callable[[], int] | None:
        """Count the messages that went to the switch; None where nobody counts them."""
        return None

    @pytest.fixture
    def most_closed(self) -> Callable[[], int] | None:
        """Count the contacts that were closed at once since the test began; None: not known."""
        return None

    def test_it_says_what_it_is_and_what_stays_closed(self, switch: Any) -> None:
        assert switch.identity
        assert switch.stays_on.endswith(".")
        assert len(switch.paths) >= 2
        assert switch.switching_s > 0

    def test_a_path_is_closed_and_read_back(self, switch: Any) -> None:
        for path in switch.paths:
            switch.close_path(path)
            assert switch.closed() == (path,)

    def test_one_path_at_a_time_is_closed(
        self, switch: Any, most_closed: Callable[[], int] | None
    ) -> None:
        for path in (*switch.paths, *reversed(switch.paths)):
            switch.close_path(path)
            assert switch.closed() == (path,)
        if most_closed is not None:
            assert most_closed() == 1

    def test_a_closed_path_may_be_closed_again(self, switch: Any) -> None:
        path = switch.paths[-1]
        switch.close_path(path)
        switch.close_path(path)
        assert switch.closed() == (path,)

    def test_all_contacts_open(self, switch: Any) -> None:
        switch.close_path(switch.paths[0])
        switch.open_all()
        assert switch.closed() == ()
        switch.open_all()
        assert switch.closed() == ()

    @pytest.mark.parametrize("path", ["nowhere", "", "SMU", "1A01", "0", "*"])
    def test_an_unknown_path_is_refused_before_anything_is_sent(
        self, switch: Any, sent: Callable[[], int] | None, path: str
    ) -> None:
        switch.close_path(switch.paths[0])
        before = None if sent is None else sent()
        with pytest.raises(ConfigError, match="path"):
            switch.close_path(path)
        if sent is not None:
            assert sent() == before
        assert switch.closed() == (switch.paths[0],)

    def test_it_can_be_made_safe_at_any_time_and_twice(self, switch: Any) -> None:
        switch.make_safe()
        switch.make_safe()
        assert switch.closed() == ()
        switch.close_path(switch.paths[0])
        switch.make_safe()
        assert switch.closed() == ()

    def test_the_guard_is_told_how_to_open_it(self, switch: Any) -> None:
        safe = switch.safe_messages()
        assert isinstance(safe, SafeMessages)
        assert safe.address
        assert safe.messages[0].strip() == b"", "a command that is half sent is to be ended first"
