"""From a VISA address to an open pyvisa resource, or one sentence that says why not."""

import socket
from typing import Any

import pyvisa
from pyvisa import rname
from pyvisa.constants import Parity, StopBits

from hil.errors import ConfigError, InstrumentError

_STOP_BITS = {1: StopBits.one, 1.5: StopBits.one_and_a_half, 2: StopBits.two}


def is_serial(address: str) -> bool:
    """Tell whether a VISA address is that of a serial line."""
    return address.upper().startswith("ASRL")


def open_resource(
    address: str, visa_library: str, settings: dict[str, Any], timeout_s: float, remedy: str
) -> Any:
    """Open *address* with pyvisa.

    Parameters
    ----------
    settings
        Of a serial line, as pyvisa names them; parity by its name and stop bits by their number.
    timeout_s
        How long the other side may take to accept the connection (s).
    remedy
        What the sentence of an error ends with.

    Raises
    ------
    ConfigError
        The address or a setting is wrong.
    InstrumentError
        It cannot be opened.
    """
    options = _visa_settings(address, settings)
    _check(address)
    try:
        manager = pyvisa.ResourceManager(visa_library)
        return manager.open_resource(address, open_timeout=round(timeout_s * 1e3), **options)
    except ValueError as error:
        raise ConfigError(f"{address} cannot be opened: {error}") from error
    except Exception as error:  # pyvisa-py, pyserial and the system each raise their own
        raise InstrumentError(f"{address} cannot be opened: {error}{remedy}") from error


def _check(address: str) -> None:
    """Refuse what is no address, and a host that nobody knows."""
    try:
        parsed = rname.ResourceName.from_string(address)
    except (ValueError, rname.InvalidResourceName) as error:
        raise ConfigError(
            f"{address!r} is no VISA address; write one such as TCPIP::192.168.0.10::1225::SOCKET "
            "or ASRL/dev/ttyUSB0::INSTR"
        ) from error
    if isinstance(parsed, rname.TCPIPSocket):
        try:
            socket.getaddrinfo(parsed.host_address, int(parsed.port), socket.AF_INET)
        except (OSError, ValueError, OverflowError) as error:
            raise InstrumentError(
                f"{address}: no host {parsed.host_address!r} with a port {parsed.port} is known"
            ) from error


def _visa_settings(address: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Put pyvisa's own values in the place of names and numbers."""
    options = dict(settings)
    try:
        if "parity" in options:
            options["parity"] = Parity[options["parity"]]
        if "stop_bits" in options:
            options["stop_bits"] = _STOP_BITS[options["stop_bits"]]
    except KeyError as error:
        raise ConfigError(
            f"{address}: {error} is no setting of a serial line; parity is none, odd, even, mark "
            "or space, and stop_bits are 1, 1.5 or 2"
        ) from error
    return options
