"""An instrument that speaks SCPI: chains of commands in, answers out, status and errors.

What all such instruments have is here: the common commands of IEEE 488.2 (chapter 10), error
queue and status registers (SCPI-1999 volume 2, chapters 20 and 21). A failing query answers
nothing; what is wrong stands in the error queue.

Not modelled: queries that are interrupted (-410: a stream cannot tell whether an answer was
read), macros, and the display.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from hil.simulators.instruments.instrument import VirtualInstrument
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.scpi.declare import Setting, command, plant, query, settings_of
from hil.simulators.instruments.scpi.errors import TEXTS, ScpiError
from hil.simulators.instruments.scpi.message import Argument, Unit, cut, units
from hil.simulators.instruments.scpi.status import (
    COMPLETE,
    OPERATION,
    QUESTIONABLE,
    Register,
    Status,
)
from hil.simulators.instruments.scpi.tree import Tree
from hil.simulators.instruments.scpi.values import Spelling, Whole

_BYTE = Whole(0, 255)
_WORD = Whole(0, 0xFFFF)
_REGISTER_NAMES = {OPERATION: "OPERation", QUESTIONABLE: "QUEStionable"}


def _plain(value: float) -> str:
    return f"{value:.9E}"


class ScpiInstrument(VirtualInstrument):
    """The base of virtual instruments with SCPI.

    Its commands are what its class and its parts declare (`declare`). An instrument overrides
    what a vendor does differently.

    Attributes
    ----------
    spelling : Spelling
        How numbers are answered.
    error_texts : dict of int to str
        Texts of the instrument's own errors.
    most_errors : int
        Length of the error queue.
    register_names : dict of int to str
        Bits of the status byte that have registers of their own, and their node below
        ``:STATus``.
    version : str
        Answer to ``:SYSTem:VERSion?``.
    forgets_rest : bool
        Whether what follows a command error in the same message is not obeyed.
    status : Status
        Status byte, registers and errors.
    """

    terminator: ClassVar[bytes] = b"\n"
    spelling: ClassVar[Spelling] = Spelling(_plain, str)
    error_texts: ClassVar[Mapping[int, str]] = {}
    most_errors: ClassVar[int] = 20
    register_names: ClassVar[Mapping[int, str]] = _REGISTER_NAMES
    version: ClassVar[str] = "1999.0"
    forgets_rest: ClassVar[bool] = True
    known_troubles: ClassVar[frozenset[str]] = frozenset({"queue-full"})

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:
        super().__init__(name, lab, options)
        self.status = Status(
            {bit: Register() for bit in self.register_names}, self.most_errors, self._waiting
        )
        self._tree = Tree()
        self._answers: list[str] = []
        self._completes = False
        self._was_full = False
        self._resets: list[tuple[Any, list[Setting[Any]]]] = []
        self.declare(self)
        for bit, node in self.register_names.items():
            self._declare_register(node, self.status.registers[bit])

    # -- what an instrument says of itself ----------------------------------------------------
    @abstractmethod
    def identity(self) -> str:
        """Answer ``*IDN?``."""

    def reset(self) -> None:
        """Obey ``*RST``; here all settings go to their defaults."""
        for part, settings in self._resets:
            for setting in settings:
                setting.reset(part)

    def triggered(self) -> None:
        """Obey ``*TRG`` or a group execute trigger; raises ScpiError if nothing waits for it."""
        raise ScpiError(-211)

    def ends_s(self) -> float:
        """When everything that was started and runs by itself is over (s); inf for never."""
        return -math.inf

    def self_test(self) -> str:
        """Answer ``*TST?``."""
        return self.spelling.whole(0)

    def no_error(self) -> str:
        """Answer ``:SYSTem:ERRor?`` when there is none."""
        return '0,"No error"'

    def told_error(self, code: int, text: str, detail: str, at_s: float) -> str:
        """Answer ``:SYSTem:ERRor?``."""
        del at_s
        return f'{code},"{text};{detail}"' if detail else f'{code},"{text}"'

    # -- for those who write one --------------------------------------------------------------
    def declare(self, part: Any, prefix: str = "") -> None:
        """Add the commands that the class of a part declares, below a node (a pattern)."""
        plant(self._tree, type(part), prefix, 0, lambda _: part, self.spelling)
        self._resets.append((part, settings_of(type(part))))

    def declare_each(self, parts: Mapping[int, Any], prefix: str = "") -> None:
        """Add the commands of parts of one class; the first number of a header tells which."""
        kind = type(next(iter(parts.values())))
        plant(self._tree, kind, prefix, 1, lambda numbers: parts[numbers[0]], self.spelling)
        self._resets += [(part, settings_of(kind)) for part in parts.values()]

    def error(self, code: int, detail: str = "") -> None:
        """Put an error into the queue, just now."""
        self.status.error(code, detail, self.now_s)

    def wait(self) -> bool:
        """Let the client wait until nothing runs any more; whether that time ever comes."""
        end_s = self.ends_s()
        if math.isinf(end_s) and end_s > 0:
            return False
        if end_s > self.now_s:
            self.spend(end_s - self.now_s)
        self.settle()
        return True

    # -- what the lab asks for ----------------------------------------------------------------
    def cut(self, received: bytearray) -> tuple[int, int] | None:
        """Find the first message; a line feed in a block of known length does not end one."""
        return cut(received)

    def handle(self, message: bytes) -> bytes | None:
        """Obey a message; the answers of its queries, joined."""
        self.settle()
        self._fill_queue()
        self._answers = []
        path = ""
        try:
            for unit in units(message):
                path = self._obey(unit, path)
        except ScpiError as error:
            self.error(error.code, error.detail)
        answers, self._answers = self._answers, []
        return ";".join(answers).encode("latin-1") if answers else None

    def settle(self) -> None:
        """Play on the cells what has ended by now."""
        self.lab.advance(self.now_s)
        if self._completes and self.ends_s() <= self.now_s:
            self._completes = False
            self.status.event |= COMPLETE

    def status_byte(self) -> int:
        """Give the status byte as a serial poll does."""
        self.settle()
        return self.status.poll()

    def clear(self) -> None:
        """Obey a device clear: forget what is waited for."""
        self._answers = []
        self._completes = False

    def trigger(self) -> None:
        """Obey a group execute trigger."""
        self._guarded(self.triggered)

    def _obey(self, unit: Unit, path: str) -> str:
        """Obey one unit; where the next one begins in the tree."""
        header = unit.header
        if header[0] == ":":
            header = header[1:]
        elif header[0] != "*":
            header = path + header
        try:
            leaf, numbers = self._tree.find(header)
            handler = leaf.answer if unit.is_query else leaf.obey
            answer = (handler or _unknown)(numbers, unit.arguments)
        except ScpiError as error:
            if error.is_command_error and self.forgets_rest:
                raise
            self.error(error.code, error.detail)
            answer = None
        if answer is not None:
            self._answers.append(answer)
        return path if header[0] == "*" else header[: header.rfind(":") + 1]

    def _guarded(self, method: Callable[[], None]) -> None:
        try:
            method()
        except ScpiError as error:
            self.error(error.code, error.detail)

    def _waiting(self) -> bool:
        return bool(self._answers)

    def _fill_queue(self) -> None:
        """Play the trouble of an error queue that somebody has left full."""
        full = "queue-full" in self.troubles
        if full and not self._was_full:
            for _ in range(self.most_errors + 1):
                self.error(-102)
        self._was_full = full

    def next_error(self) -> str:
        """Take the oldest error out of the queue."""
        found = self.status.errors.take()
        if found is None:
            return self.no_error()
        code, detail, at_s = found
        text = self.error_texts.get(code) or TEXTS.get(code, "Error")
        return self.told_error(code, text, detail, at_s)

    def _declare_register(self, node: str, register: Register) -> None:
        def obey(name: str) -> Callable[..., None]:
            return lambda _, arguments: setattr(register, name, _one(arguments) & 0x7FFF)

        def answer(take: Callable[[], int]) -> Callable[..., str]:
            return lambda _, __: self.spelling.whole(take())

        head = f":STATus:{node}"
        self._tree.add(f"{head}[:EVENt]", answer=answer(register.take))
        self._tree.add(f"{head}:CONDition", answer=answer(lambda: register.condition))
        for word, name in (
            ("ENABle", "enable"), ("PTRansition", "rising"), ("NTRansition", "falling"),
        ):  # fmt: skip
            held = answer(lambda name=name: getattr(register, name))  # type: ignore[misc]
            self._tree.add(f"{head}:{word}", obey=obey(name), answer=held)

    # -- common commands ----------------------------------------------------------------------
    @query("*IDN")
    def _scpi_idn(self) -> str:
        return self.identity()

    @command("*RST")
    def _scpi_rst(self) -> None:
        self._completes = False
        self.reset()

    @command("*CLS")
    def _scpi_cls(self) -> None:
        self._completes = False
        self.status.clear()

    @command("*ESE", _BYTE)
    def _scpi_set_ese(self, bits: int) -> None:
        self.status.event_enable = bits

    @query("*ESE")
    def _scpi_ese(self) -> str:
        return self.spelling.whole(self.status.event_enable)

    @query("*ESR")
    def _scpi_esr(self) -> str:
        return self.spelling.whole(self.status.take_event())

    @command("*SRE", _BYTE)
    def _scpi_set_sre(self, bits: int) -> None:
        self.status.request_enable = bits & ~64

    @query("*SRE")
    def _scpi_sre(self) -> str:
        return self.spelling.whole(self.status.request_enable)

    @query("*STB")
    def _scpi_stb(self) -> str:
        return self.spelling.whole(self.status.byte)

    @command("*OPC")
    def _scpi_opc(self) -> None:
        self._completes = True
        self.settle()

    @query("*OPC")
    def _scpi_ask_opc(self) -> str | None:
        return "1" if self.wait() else None

    @command("*WAI")
    def _scpi_wai(self) -> None:
        self.wait()

    @command("*TRG")
    def _scpi_trg(self) -> None:
        self.triggered()

    @query("*TST")
    def _scpi_tst(self) -> str:
        return self.self_test()

    @query(":SYSTem:ERRor[:NEXT]")
    def _scpi_error(self) -> str:
        return self.next_error()

    @query(":SYSTem:ERRor:COUNt")
    def _scpi_error_count(self) -> str:
        return self.spelling.whole(len(self.status.errors))

    @query(":SYSTem:ERRor:ALL")
    def _scpi_all_errors(self) -> str:
        return ",".join(self.next_error() for _ in range(max(len(self.status.errors), 1)))

    @query(":SYSTem:VERSion")
    def _scpi_version(self) -> str:
        return self.version

    @command(":STATus:PRESet")
    def _scpi_preset(self) -> None:
        self.status.preset()


def _unknown(numbers: tuple[int, ...], arguments: tuple[Argument, ...]) -> str | None:
    del numbers, arguments
    raise ScpiError(-113)


def _one(arguments: Any) -> int:
    if len(arguments) != 1:
        raise ScpiError(-108 if arguments else -109)
    return _WORD.read(arguments[0], None)
