"""A virtual Keithley 4200A-SCS: KXCI over Ethernet, SMUs, 4225-PMU with 4225-RPMs.

What it answers follows the KXCI Programming manual 4200A-KXCI-907-01 Rev D (May 2024); what no
manual at hand says stands in `unconfirmed`, one line each. Tests take their time on
the lab's clock and are played on the cell when that time has come.

Not modelled: CVU, user libraries (UL, EX, GP), the two-letter pulse commands of Clarius 1.12 and
older, software time (a command takes none), the time to switch relays, output capacitance and
overshoot, the sources' accuracy and noise, what a floating terminal does, two outputs that drive
the cell at once, thresholds of the PMU, load-line effect compensation, VAR1' sources, the graph.
The modules on its parts say the rest.
"""

import re
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from hil.decode import decode
from hil.errors import ConfigError
from hil.simulators.instruments import kxci
from hil.simulators.instruments.instrument import VirtualInstrument
from hil.simulators.instruments.keithley4200 import unconfirmed
from hil.simulators.instruments.keithley4200.channel import RPM_SMU
from hil.simulators.instruments.keithley4200.panel import Panel
from hil.simulators.instruments.keithley4200.pmu import Pmu
from hil.simulators.instruments.keithley4200.setup import PAGE_OF
from hil.simulators.instruments.keithley4200.smu import Smu
from hil.simulators.instruments.keithley4200.sweep import SystemMode
from hil.simulators.instruments.kxci import Command, Refused, expect, switch
from hil.simulators.instruments.lab.lab import Lab

DATA_READY, SYNTAX_ERROR, BUSY, SERVICE_REQUEST = 1, 2, 16, 64
"""Bits of the serial poll byte (manual, `SP`)."""

_USER = frozenset({"DV", "DI", "TI", "TV"})
_DURING_TEST = frozenset(
    {"SP", "AB", "DO", "RD", "ID", "*IDN?", ":ERROR:LAST:GET", ":ERROR:LAST:CLEAR"}
)
"""What works while a test is running, beside what the PMU allows (-980 for the rest)."""
_ABORT = Command("ME", ["4"])

_SMU = re.compile(r"(HP)?SMU(PA)?(\d)", re.IGNORECASE)


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the instrument is built of.

    Attributes
    ----------
    version : str
        Of Clarius; below V1.13 there are no `:PMU:` commands.
    modules : list of str
        As `*OPT?` lists them: SMU1, SMUPA1 (with preamplifier), HPSMU1, PMU1, PMU1RPM1-1, ...
    rpm : dict of str to str
        Which SMU each RPM leads to the device when it is switched to it; left out: SMU1 at the
        first RPM, if there are both.
    ideal : bool
        No noise, offset and settling of the meters, only their resolution.
    samples : int
        Equal parts of a measuring window that are averaged.
    """

    version: Annotated[str, Meta(pattern=r"^V\d+\.\d+(\.\d+)?$")] = "V1.13"
    modules: list[str] = msgspec.field(
        default_factory=lambda: ["SMU1", "SMU2", "PMU1RPM1-1", "PMU1RPM1-2"]
    )
    rpm: dict[str, str] | None = None
    ideal: bool = False
    samples: Annotated[int, Meta(ge=1, le=1000)] = 4

    @property
    def has_pmu_commands(self) -> bool:
        """Whether this version knows `:PMU:` commands (from V1.13 on)."""
        return tuple(int(part) for part in self.version[1:].split(".")) >= (1, 13)


class Keithley4200(VirtualInstrument):
    """Keithley 4200A-SCS with SMUs and a 4225-PMU: KXCI over Ethernet.

    Parameters
    ----------
    name : str
        What the lab calls it.
    lab : Lab
        Clock, cell and logs.
    options : dict
        See `Options`.

    Raises
    ------
    ConfigError
        For options that do not fit together.
    """

    terminator: ClassVar[bytes] = b"\0"
    usual_wiring: ClassVar[dict[str, str]] = {"PMU1-1": "top"}

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:
        super().__init__(name, lab, options)
        self.options = decode(options, Options, f"instrument {name}, options")
        ideal, samples = self.options.ideal, self.options.samples
        self._pmu = Pmu(
            lab, self.options.modules, ideal=ideal, samples=samples, switched=self._switching
        )
        smus = {smu.number: smu for smu in map(self._smu, self._matches())}
        self._panel = Panel(lab, smus, lambda: self.interlock_open)
        self._rpm = self._led_by_rpm()
        self._system = SystemMode(self._panel)
        self._has_pmu_commands = self.options.has_pmu_commands
        self._page = "DE"
        self._error: int | None = None
        self._status = 0
        self._requests = False
        self._obeys = {
            "*IDN?": self._identity, "ID": self._id, "*OPT?": self._modules, "*RST": self._reset,
            "BC": self._clear, "SP": self._poll, "RP": self._relay, "AB": self._stop,
            "DR": self._request, "EM": self._ignored, "AC": self._ignored,
            ":ERROR:LAST:GET": self._last_error, ":ERROR:LAST:CLEAR": self._forget,
            "EC": self._exit,
        }  # fmt: skip

    def handle(self, message: bytes) -> bytes | None:
        """Answer one message: the data of its last query, else ``ACK``."""
        self.settle()
        answer: str | None = None
        try:
            for command in kxci.commands(message.decode("latin-1")):
                told = self._do(command)
                answer = answer if told is None else told
        except Refused as refused:
            self._error = refused.code
            self._status |= SYNTAX_ERROR
            answer = unconfirmed.WRONG_COMMAND_ANSWER
            return None if answer is None else answer.encode()
        return (kxci.ACK if answer is None else answer).encode("latin-1")

    def settle(self) -> None:
        """Play on the cell what has ended by now."""
        now_s = self.lab.now_s()
        ended = self._pmu.settle(now_s)
        if self._system.settle(now_s) or ended:
            self._ready()

    def switch_off(self) -> list[str]:
        """Take everything to 0 V and off; tell which SMUs were on."""
        on = [smu.name for smu in self._panel.smus.values() if smu.on]
        self._reset([])
        return on

    def _do(self, command: Command) -> str | None:
        word, arguments = command
        if word.startswith(":PMU:"):
            if not self._has_pmu_commands:
                raise Refused(-992)
            if self._system.running:
                raise Refused(-980)
            return self._pmu_command(word[5:], arguments)
        if word in kxci.PAGES:
            self._open_page(word)
            return None
        page = PAGE_OF.get(word)
        known = word in self._obeys or word in Panel.COMMANDS or word in ("DO", "RD")
        if page is None and not known:
            raise Refused(-992)
        if self._testing and word not in _DURING_TEST and command != _ABORT:
            raise Refused(-980)
        if word in self._obeys:
            return self._obeys[word](arguments)
        if word in Panel.COMMANDS:
            return self._panel_command(word, arguments)
        if self._page == "US":
            raise Refused(-975)
        if page not in (None, self._page):
            raise Refused(-989)
        told = self._system.obey(word, arguments, self.lab.now_s())
        if word == "ME":
            self._status &= ~DATA_READY
        return told

    def _pmu_command(self, word: str, arguments: list[str]) -> str | None:
        told = self._pmu.obey(word, arguments)
        if word == "EXECUTE":
            self._status &= ~DATA_READY
        return told

    def _panel_command(self, word: str, arguments: list[str]) -> str | None:
        if word in _USER and self._page != "US":
            raise Refused(-974)
        told = self._panel.obey(word, arguments)
        if told is not None:
            self._ready()
        return told

    def _open_page(self, page: str) -> None:
        if self._testing and page != self._page:
            raise Refused(-980)
        leaving = self._page == "US" and page != "US"
        if leaving and unconfirmed.LEAVING_USER_MODE_SWITCHES_OFF:
            self._panel.off()
        self._page = page

    @property
    def _testing(self) -> bool:
        return self._system.running or self._pmu.running

    def _ready(self) -> None:
        self._status |= DATA_READY | (SERVICE_REQUEST if self._requests else 0)

    def _identity(self, arguments: list[str]) -> str:
        expect(arguments, 0)
        serial, version = unconfirmed.SERIAL, self.options.version
        return f"KEITHLEY INSTRUMENTS,KI4200A,{serial},{version}"

    def _id(self, arguments: list[str]) -> str:
        expect(arguments, 0)
        return f"KI4200A {self.options.version}"

    def _modules(self, arguments: list[str]) -> str:
        expect(arguments, 0)
        return ",".join(self.options.modules)

    def _reset(self, arguments: list[str]) -> None:
        expect(arguments, 0)
        self._pmu.reset()
        self._panel.reset()
        self._system = SystemMode(self._panel)
        self._page = "DE"
        self._status = 0

    def _clear(self, arguments: list[str]) -> None:
        expect(arguments, 0)
        self._system.clear()
        self._status = 0

    def _poll(self, arguments: list[str]) -> str:
        expect(arguments, 0)
        busy = BUSY if self._testing else 0
        status, self._status = self._status | busy, self._status & ~SERVICE_REQUEST
        return str(status)

    def _request(self, arguments: list[str]) -> None:
        self._requests = switch(expect(arguments, 1)[0])

    def _ignored(self, arguments: list[str]) -> None:
        expect(arguments, 0, 2)

    def _last_error(self, arguments: list[str]) -> str:
        expect(arguments, 0)
        return unconfirmed.NO_ERROR if self._error is None else str(Refused(self._error))

    def _forget(self, arguments: list[str]) -> None:
        expect(arguments, 0)
        self._error = None
        self._status &= ~SYNTAX_ERROR

    def _relay(self, arguments: list[str]) -> None:
        self._pmu.relay(arguments)

    def _stop(self, _arguments: list[str]) -> None:
        self._system.stop(self.lab.now_s())

    def _exit(self, arguments: list[str]) -> None:
        self._system.exit_on_compliance = switch(expect(arguments, 1)[0])

    def _matches(self) -> list[re.Match[str]]:
        found = map(_SMU.fullmatch, self.options.modules)
        return [match for match in found if match is not None]

    def _smu(self, match: re.Match[str]) -> Smu:
        place = int(match[3])
        return Smu(
            self.lab, place, preamp=match[2] is not None, high_power=match[1] is not None,
            route=lambda: self._route(f"SMU{place}"),
            interlocked=lambda: self.interlock_open, ideal=self.options.ideal,
            samples=self.options.samples,
        )  # fmt: skip

    def _route(self, smu: str) -> str:
        """Tell where an SMU comes out: at a cable of its own, or through the RPM it is led to."""
        if smu in self.lab.plan.wiring:
            return smu
        for channel in self._pmu.channels.values():
            if self._rpm.get(channel.port) == smu:
                return channel.port if channel.rpm_mode == RPM_SMU else f"{smu} behind an RPM"
        return smu

    def _switching(self, port: str) -> None:
        """Look at what a relay is about to switch: with a source that is not at 0 V it is hot."""
        smu = next((s for s in self._panel.smus.values() if self._rpm.get(port) == s.name), None)
        if smu is not None and smu.on:
            smu.hold(self.lab.now_s())
            if smu.at_v != 0.0:
                self.lab.note(port, "hot switching", voltage_v=smu.at_v)

    def _led_by_rpm(self) -> dict[str, str]:
        """Find out which SMU each RPM leads to the device."""
        ports = [channel.port for channel in self._pmu.channels.values() if channel.rpm]
        smus = {smu.name for smu in self._panel.smus.values()}
        if self.options.rpm is None:
            return {ports[0]: "SMU1"} if ports and "SMU1" in smus else {}
        for port, smu in self.options.rpm.items():
            if port not in ports or smu not in smus:
                raise ConfigError(
                    f"instrument {self.name} has no RPM at {port} that could lead to {smu}; "
                    f"name both in modules, or leave {port} out of rpm"
                )
        return self.options.rpm
