"""Conversations of SCPI instruments as lists of pairs, for pymeasure's expected_protocol."""

Pair = tuple[str | None, str | None]


def told(*commands: str, none: str = '0,"No error"') -> list[Pair]:
    """List settings that are each sent alone and asked for errors."""
    return [pair for command in commands for pair in ((command, None), (":SYST:ERR?", none))]
