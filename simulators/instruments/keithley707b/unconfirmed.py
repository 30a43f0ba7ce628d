"""What the virtual 707B does and no source at hand says: one line to change for each.

UNCONFIRMED, all of it: a reading from a real instrument replaces it.
"""

VERSION = "01.00a"
"""Firmware revision, as the manual's example of `localnode.revision` shows it."""

IDN_SERIAL = "1234567"
"""Serial number."""

NO_CHANNEL = (1115, "Parameter error")
"""Error of a channel list with something in it that is no channel; nothing is switched then."""

BAD_LABEL = (1115, "Parameter error")
"""Error of a label that is not allowed or is used already."""

NOTHING_CLOSED = None
"""What `channel.getclose` returns if nothing is closed: the manual of the 3700, its relative, says
nil, and drivers for the 707B expect it."""

STATE_SEPARATOR = ";"
"""What stands between the states of several channels in `channel.getstate`; that of `getclose` is
shown in the manual's example."""

OPEN_STATE, CLOSED_STATE = "0", "1"
"""States of a channel in `channel.getstate`, a text."""

CARD = "7174,8x12 Low-current matrix,01.00a,0000000000"
"""What `slot[N].idn` tells: model, description, firmware and serial number."""

SETTLE_S = 20e-3
"""Time of a command that moves relays: 4 ms to 15 ms of the cards and the command (drivers wait
that long); the option `settle_s` says otherwise."""
