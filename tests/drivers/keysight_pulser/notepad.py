"""A generator that keeps what it is told and has no rules of its own: the driver's words, seen."""

from pymeasure.adapters import Adapter

NEVER_WRITTEN = "0"


class Notepad(Adapter):  # type: ignore[misc]  # pymeasure has no types
    """Settings by header; `tampered` says what is held in place of what was told."""

    def __init__(self, identity: str) -> None:
        super().__init__()
        self.identity = identity
        self.address = ""
        self.held: dict[str, str] = {}
        self.tampered: dict[str, str] = {}
        self.errors: list[str] = []
        self.sent: list[str] = []
        self._answer = ""

    def _write(self, command: str) -> None:
        self.sent.append(command)
        answers = [self._do(part.strip()) for part in command.split(";")]
        self._answer = ";".join(answer for answer in answers if answer is not None)

    def _read(self) -> str:
        return self._answer

    def _do(self, part: str) -> str | None:
        if part == "*IDN?":
            return self.identity
        if part == ":SYST:ERR?":
            return self.errors.pop(0) if self.errors else '+0,"No error"'
        if part == "*OPC?":
            return "1"
        header, _, value = part.partition(" ")
        if header.endswith("?"):
            header = header.removesuffix("?")
            return self.tampered.get(header, self.held.get(header, NEVER_WRITTEN))
        if value:
            self.held[header] = {"INF": "+9.9E+37"}.get(value, value)
        return None
