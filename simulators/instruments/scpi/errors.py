"""What can be wrong with a command: the codes and texts of SCPI-1999, volume 2, chapter 21."""

from hil.errors import HilError

TEXTS = {
    0: "No error",
    -100: "Command error",
    -101: "Invalid character",
    -102: "Syntax error",
    -103: "Invalid separator",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -112: "Program mnemonic too long",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -121: "Invalid character in number",
    -123: "Exponent too large",
    -124: "Too many digits",
    -131: "Invalid suffix",
    -138: "Suffix not allowed",
    -141: "Invalid character data",
    -148: "Character data not allowed",
    -151: "Invalid string data",
    -158: "String data not allowed",
    -161: "Invalid block data",
    -168: "Block data not allowed",
    -171: "Invalid expression",
    -178: "Expression data not allowed",
    -200: "Execution error",
    -211: "Trigger ignored",
    -213: "Init ignored",
    -221: "Settings conflict",
    -222: "Parameter data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -230: "Data corrupt or stale",
    -241: "Hardware missing",
    -285: "Program syntax error",
    -310: "System error",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
}
"""Standard texts; an instrument has its own beside them (`ScpiInstrument.error_texts`)."""

QUEUE_OVERFLOW = -350


class ScpiError(HilError):
    """A command that is not understood or not possible; it goes to the error queue.

    Parameters
    ----------
    code : int
        Negative: of SCPI-1999; positive: the instrument's own.
    detail : str
        What a vendor adds to the text of the code.
    """

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    @property
    def is_command_error(self) -> bool:
        """Whether the message was not understood (-1xx), so that its rest is not obeyed either."""
        return -200 < self.code <= -100


def event_of(code: int) -> int:
    """Tell the bit that an error sets in the event status register (SCPI-1999 21.8.2)."""
    if -200 < code <= -100:
        return 32
    if -300 < code <= -200:
        return 16
    if -500 < code <= -400:
        return 4
    return 8
