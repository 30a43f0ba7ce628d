"""Status registers next to TSP: IEEE 488.2 and the summary byte (2600B manual, status model)."""

OPC, QYE, DDE, EXE, CME, PON = 1, 4, 8, 16, 32, 128
"""Bits of the standard event register."""
MSB, EAV, MAV, ESB, MSS, OSB = 1, 4, 16, 32, 64, 128
"""Bits of the status byte: measurement, error available, message, event, master, operation."""


class Status:
    """The standard event register, its mask and that of the service request."""

    def __init__(self) -> None:
        self.event = PON
        self.enable = 0
        self.request_enable = 0

    def note(self, code: int) -> None:
        """Take note of an error by its code (SCPI-1999, 21.8)."""
        if code > 0 or -400 < code <= -300:
            self.event |= DDE
        elif code <= -400:
            self.event |= QYE
        else:
            self.event |= EXE if code <= -200 else CME

    def take_event(self) -> int:
        """Read the standard event register, which clears it."""
        event, self.event = self.event, 0
        return event

    def byte(self, *, errors: bool, waiting: bool, summaries: int = 0) -> int:
        """Tell the status byte."""
        byte = summaries | (EAV if errors else 0) | (MAV if waiting else 0)
        byte |= ESB if self.event & self.enable else 0
        return byte | (MSS if byte & self.request_enable & ~MSS else 0)
