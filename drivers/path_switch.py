"""What switches have in common: break before make, and everything open on any doubt."""

from abc import abstractmethod

from hil.clock import Clock
from hil.decode import unknown
from hil.drivers.roles import Switch
from hil.drivers.safety import safe_if_it_fails
from hil.drivers.session.instrument import SessionInstrument
from hil.errors import ConfigError


class PathSwitch(SessionInstrument, Switch):
    """A switch on a session."""

    _clock: Clock

    def _wait_since(self, begin_s: float) -> None:
        """Let a contact have its time, counted from when it was told to move."""
        left_s = self.switching_s - (self._clock.now_s() - begin_s)
        if left_s > 0:
            self._clock.sleep(left_s)

    @abstractmethod
    def _close_only(self, path: str) -> None:
        """Close one path, with all open; read back."""

    def close_path(self, path: str) -> None:
        """Open every contact, then close *path*; read back both times.

        Raises
        ------
        ConfigError
            There is no such path.
        InstrumentError
            A contact is not where it should be; all were told to open.
        """
        if path not in self.paths:
            raise ConfigError(unknown(path, self.paths, f"the {self.name}", "path"))
        with safe_if_it_fails(self.make_safe):
            self.open_all()
            self._close_only(path)

    def shutdown(self) -> None:
        """Open every contact, as pymeasure's users expect of it."""
        self.make_safe()
        super().shutdown()
