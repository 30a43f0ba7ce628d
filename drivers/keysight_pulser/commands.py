"""How a generator is spoken to: its words, and what the guard says to it."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from hil.drivers.keysight_pulser.unconfirmed import ABORT
from hil.drivers.session.answers import unexpected
from hil.drivers.session.numbers import exact
from hil.guard import SafeMessages

_LONGEST_NUMBER = 24
"""Characters of a number that they take; no manual names a limit."""


class Commands(NamedTuple):
    """How one kind of generator spells what shapes a pulse; ``{ch}`` is the channel.

    Attributes
    ----------
    period, width, leading, trailing : str
        Times (s).
    amplitude, offset, high, low : str
        Levels (V).
    pulses : str
        Pulses of one burst.
    load, polarity, output : str
        Of the output.
    limit_high, limit_low, limit_state : str
        The fence.
    load_as, load_ohm : str, float
        What the load is set to, and what is answered then.
    fixed : tuple of (str, str)
        Everything else, with its value: pulses, a burst for each trigger, triggers from here.
    """

    period: str
    width: str
    leading: str
    trailing: str
    amplitude: str
    offset: str
    high: str
    low: str
    pulses: str
    load: str
    polarity: str
    output: str
    limit_high: str
    limit_low: str
    limit_state: str
    load_as: str
    load_ohm: float
    fixed: tuple[tuple[str, str], ...]

    def of(self, channel: int) -> "Commands":
        """Put the channel in."""

        def put(text: Any) -> Any:
            return text.format(ch=channel) if isinstance(text, str) else text

        own = {name: put(value) for name, value in self._asdict().items()}
        own["fixed"] = tuple((put(header), value) for header, value in self.fixed)
        return Commands(**own)


def safe_messages_of(commands: Commands, address: str, channel: int) -> SafeMessages:
    r"""Make what the guard sends; the first ``\n`` ends a command that was left half sent."""
    off = f"{commands.output.format(ch=channel)} 0\n"
    messages = ("\n", f"{ABORT}\n", off)
    return SafeMessages(address, {}, tuple(m.encode("ascii") for m in messages), pause_s=0.05)


def text(value: float) -> str:
    """Write a number with every digit."""
    return exact(float(value), _LONGEST_NUMBER)


def exactly(wanted: str) -> Callable[[str, str], str]:
    """Make what reads one word, which must be *wanted*."""

    def read(text: str, command: str) -> str:
        if text.strip('"').upper() != wanted:
            raise unexpected(text, command, f"{wanted}: somebody else has set it")
        return wanted

    return read


Asked = tuple[str, Callable[[str, str], Any]]
"""A question, and what reads its answer."""


def joined(asked: Sequence[Asked]) -> tuple[str, Callable[[str, str], list[Any]]]:
    """Join questions to one, and make what reads its answer: theirs, with semicolons between."""

    def read(answer: str, command: str) -> list[Any]:
        parts = answer.split(";")
        if len(parts) != len(asked):
            raise unexpected(answer, command, f"{len(asked)} answers")
        return [
            parse(part.strip(), question)
            for part, (question, parse) in zip(parts, asked, strict=True)
        ]

    return ";".join(question for question, _ in asked), read
