"""What every virtual instrument that speaks TSP does with a message.

A message is a chunk of Lua, a common command such as ``*IDN?``, or belongs to a script between
``loadscript`` or ``loadandrunscript`` and ``endscript``. What a message prints goes out when it is
over. Raw sockets take one client at a time. Not modelled: the dead-socket port 5030, TSP-Link and
``node[]`` other than the instrument itself, scripts that survive a power cycle, files, the data
queue, the event log, ``os`` and ``io``, time that Lua itself takes other than a fixed share a
message and a call, stopping a script half way (what it does to the cells is computed when it
begins; ``abort`` ends the wait for it, and one that does not end is ended with -286).
"""

import re
from abc import abstractmethod
from typing import Any, ClassVar

from hil.simulators.instruments.instrument import VirtualInstrument
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.tsp import unconfirmed
from hil.simulators.instruments.tsp.base import add_base
from hil.simulators.instruments.tsp.engine import Engine, Fault
from hil.simulators.instruments.tsp.errors import ErrorQueue
from hil.simulators.instruments.tsp.status import OPC, Status

_BEGIN = re.compile(r"\s*(loadscript|loadandrunscript)(?:\s+(.*?))?\s*")
_NAME = re.compile(r"[A-Za-z_]\w*")
_COMMON = re.compile(r"\s*(\*[a-z]+\??)\s*(\d+)?\s*", re.IGNORECASE)

SYNTAX, RUNTIME, BAD_NAME = -285, -286, -282
QUEUE_FULL = "queue-full"


class TspInstrument(VirtualInstrument):
    """An instrument whose language is TSP.

    Attributes
    ----------
    model, serial, version : str
        As ``*IDN?`` and `localnode` tell them.
    digits : int
        `format.asciiprecision` at power-on.
    errors : ErrorQueue
        `errorqueue`.
    """

    terminator: ClassVar[bytes] = b"\n"
    takes_time: ClassVar[bool] = True
    known_troubles: ClassVar[frozenset[str]] = frozenset({QUEUE_FULL})
    model: ClassVar[str]
    digits: ClassVar[int] = 6

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:
        super().__init__(name, lab, options)
        self.serial = "0"
        self.version = "0"
        self.line_hz = 60.0
        self.errors = ErrorQueue()
        self.status = Status()
        self.prompts = {"prompts": 0, "showerrors": 0}
        self.engine = Engine(self.reject, lambda: self.spend(unconfirmed.CALL_S))
        self.engine.form.reset(self.digits)
        self._script: tuple[str, bool, list[str]] | None = None
        self._filled = False
        add_base(self)

    # -- what each instrument says --------------------------------------------------------------
    @abstractmethod
    def reset(self) -> None:
        """Do what ``reset()`` and ``*RST`` do."""

    def wait(self) -> None:
        """Let time pass until everything that runs in the background is over."""

    def bus_trigger(self) -> None:
        """Take note of ``*TRG``."""

    def summaries(self) -> int:
        """Tell the bits of the status byte that are the instrument's own."""
        return 0

    # -- messages -------------------------------------------------------------------------------
    def handle(self, message: bytes) -> bytes | None:
        """Take one line and give what it printed, without its terminator."""
        self.settle()
        self._fill()
        self.spend(unconfirmed.MESSAGE_S)
        text = message.decode("latin-1").rstrip("\r")
        if self._script is not None:
            self._go_on(text)
        elif text.strip():
            self._obey(text)
        self._show()
        output, self.engine.output = self.engine.output, []
        return b"\n".join(output) if output else None

    def reject(self, code: int, message: str) -> None:
        """Queue an error."""
        self.errors.add(code, message)
        self.status.note(code)

    def interrupt(self, message: bytes) -> bool:
        """Let ``abort`` end a script that is being waited for."""
        if message.strip() != b"abort":
            return False
        self.busy_until_s = self.lab.now_s()
        self.engine.output.clear()
        return True

    def connected(self) -> None:
        """Forget half a script of a client that is gone."""
        self._script = None

    def clear(self) -> None:
        """Obey a device clear."""
        self._script = None
        self.engine.output.clear()

    def trigger(self) -> None:
        """Obey a group execute trigger as ``*TRG``."""
        self.bus_trigger()

    def status_byte(self) -> int:
        """Tell the status byte."""
        return self.status.byte(
            errors=self.errors.count > 0, waiting=bool(self.engine.output),
            summaries=self.summaries(),
        )  # fmt: skip

    def identity(self) -> str:
        """Answer ``*IDN?``."""
        return f"Keithley Instruments Inc., Model {self.model}, {self.serial}, {self.version}"

    # -- inside ---------------------------------------------------------------------------------
    def _obey(self, text: str) -> None:
        begin = _BEGIN.fullmatch(text)
        if begin is not None:
            name = begin[2] or ""
            if name and not _NAME.fullmatch(name):
                self.reject(BAD_NAME, "Illegal program name")
                name = ""
            self._script = (name, begin[1] == "loadandrunscript", [])
            return
        if text.strip() == "abort":
            return
        if text.lstrip().startswith("*") and all(
            self._common(part) for part in text.rstrip("; ").split(";")
        ):
            return
        self._run(lambda: self.engine.execute(text))

    def _go_on(self, text: str) -> None:
        """Take a line of a script."""
        name, runs, lines = self._script or ("", False, [])
        if text.strip() != "endscript":
            lines.append(text)
            return
        self._script = None
        if self._run(lambda: self.engine.load("\n".join(lines), name)) and runs:
            self._run(lambda: self.engine.run_script(name))

    def _run(self, call: Any) -> bool:
        try:
            call()
        except Fault as fault:
            code, kind = (SYNTAX, "Syntax") if fault.syntax else (RUNTIME, "Runtime")
            self.reject(code, f"TSP {kind} error at line {fault.line}: {fault.message}")
            return False
        return True

    def _common(self, text: str) -> bool:
        """Obey a common command; False if it is none."""
        command = _COMMON.fullmatch(text)
        if command is None:
            return False
        name, value = command[1].upper(), command[2]
        if (value is not None) != (name in ("*ESE", "*SRE")):
            return False
        answer: str | int | None = None
        match name:
            case "*IDN?":
                answer = self.identity()
            case "*RST":
                self.reset()
            case "*CLS":
                self.errors.clear()
                self.status.event = 0
            case "*OPC":
                self.wait()
                self.status.event |= OPC
            case "*OPC?":
                self.wait()
                answer = 1
            case "*WAI":
                self.wait()
            case "*TRG":
                self.bus_trigger()
            case _:
                return self._register(name, int(value or 0))
        if answer is not None:
            self.engine.output.append(str(answer).encode())
        return True

    def _register(self, name: str, value: int) -> bool:
        """Read or write a status register; False if there is none of that name."""
        match name:
            case "*ESR?":
                answer = self.status.take_event()
            case "*ESE?":
                answer = self.status.enable
            case "*SRE?":
                answer = self.status.request_enable
            case "*STB?":
                answer = self.status_byte()
            case "*TST?":
                answer = 0
            case "*ESE":
                self.status.enable = value & 255
                return True
            case "*SRE":
                self.status.request_enable = value & 255
                return True
            case _:
                return False
        self.engine.output.append(str(answer).encode())
        return True

    def _show(self) -> None:
        """Add what `localnode.showerrors` and `localnode.prompts` ask for."""
        if self.prompts["showerrors"]:
            while self.errors.count:
                error = self.errors.next()
                self.engine.output.append(f"{error.code}\t{error.message}".encode("latin-1"))
        if self.prompts["prompts"]:
            prompt = "TSP?" if self.errors.count else "TSP>"
            self.engine.output.append((prompt if self._script is None else ">>>>").encode())

    def _fill(self) -> None:
        full = QUEUE_FULL in self.troubles
        if full and not self._filled:
            self.errors.fill()
        self._filled = full
