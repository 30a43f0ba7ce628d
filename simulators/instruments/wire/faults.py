"""What can go wrong on a wire, asked for over the control socket: each fault happens once.

A wrong digit in place of another is not among them: nothing on such a wire could show it.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from hil.decode import unknown
from hil.errors import ConfigError

Kind = Literal[
    "late", "truncated", "cut", "garbled", "duplicated", "dropped", "disconnect", "half-open"
]


@dataclass
class Fault:
    """One thing that will go wrong.

    Attributes
    ----------
    kind : str
        late: the answer comes *seconds* later. truncated: half the answer, without terminator.
        cut: half the answer, with terminator. garbled: some bytes become random ones from 0x80 to
        0xFF. duplicated: the answer comes twice. dropped: it does not come. disconnect: the
        connection is closed instead. half-open: after the client has gone, nobody is served for
        *seconds*.
    instrument : str
        Whose answer.
    seconds : float
        Time on the wall (s).
    skip : int
        How many answers (half-open: clients) before it stay as they are.
    """

    kind: Kind
    instrument: str
    seconds: float = 1.0
    skip: int = 0


class Faults:
    """The faults that have not happened yet, the oldest first."""

    _KINDS: ClassVar[tuple[str, ...]] = get_args(Kind)

    def __init__(self, seed: int) -> None:
        self._waiting: list[Fault] = []
        self._rng = np.random.default_rng([seed, 4])

    def add(self, fault: Fault) -> None:
        """Let something go wrong; raises ConfigError for an unknown kind or a negative number."""
        if fault.kind not in self._KINDS:
            raise ConfigError(unknown(fault.kind, self._KINDS, "fault", "kind"))
        if not 0 <= fault.seconds < float("inf") or fault.skip < 0:
            raise ConfigError(
                f"a fault has seconds={fault.seconds} and skip={fault.skip}; both are 0 or more"
            )
        self._waiting.append(fault)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._waiting.clear()

    def of_answer(self, instrument: str) -> Fault | None:
        """Tell what is wrong with this answer of an instrument."""
        return self._next(instrument, leaving=False) if self._waiting else None

    def of_leaving(self, instrument: str) -> Fault | None:
        """Tell what goes wrong as this client of an instrument goes."""
        return self._next(instrument, leaving=True) if self._waiting else None

    def garbled(self, answer: bytes) -> bytes:
        """Put random bytes from 0x80 to 0xFF in place of at least one byte."""
        noisy = bytearray(answer or b"?")
        hit = self._rng.choice(len(noisy), size=-(-len(noisy) // 4), replace=False)
        for place in hit.tolist():
            noisy[place] = int(self._rng.integers(0x80, 0x100))
        return bytes(noisy)

    def _next(self, instrument: str, *, leaving: bool) -> Fault | None:
        """Count this occasion for all faults that wait for one like it; take the first due."""
        due = None
        for fault in list(self._waiting):
            if fault.instrument != instrument or (fault.kind == "half-open") != leaving:
                continue
            if fault.skip:
                fault.skip -= 1
            elif due is None:
                due = fault
                self._waiting.remove(fault)
        return due
