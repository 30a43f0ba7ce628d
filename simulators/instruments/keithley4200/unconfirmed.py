"""What the virtual 4200A-SCS does and no manual at hand says: one line to change for each.

UNCONFIRMED, all of it: values are typical or cautious, and a reading from a real instrument
replaces them. Each says why it is what it is. What is more than a value stands where it is done:

- an error ends its message, what was before it is done (`Keithley4200.handle`);
- the syntax error bit stays until ``:ERROR:LAST:CLEAR``, ``BC`` or ``*RST`` (`Keithley4200`);
- ``DO`` of a source's own quantity gives what was measured, not what was programmed (`Sweep`);
- ``*RST`` and ``:PMU:INIT`` leave the RPMs as they are; INIT sets a fixed range of 10 mA
  (`Settings`);
- a list of sequences that does not begin at 0 V jumps there (`Sequences`);
- the windows of ``:PMU:TIMES:PIV`` are parts of the flat levels (`Pulses`).
"""

WRONG_COMMAND_ANSWER: str | None = "ACK"
"""What a refused command answers, None for nothing. The manual says that every command is
answered and that an error is seen by ``SP`` and ``:ERROR:LAST:GET``."""

NO_ERROR = ""
"""What ``:ERROR:LAST:GET`` answers when there is none; some versions say ``No error. (0)``."""

SERIAL = "1442736"
"""The serial number of the manual's example of ``*IDN?``."""

FIRST_RPM_MODE = 2
"""What an RPM is switched to after power-on: the SMU, so that a client which knows only SMUs
reaches the device."""

LINE_HZ = 60.0
"""Line frequency that a power line cycle is counted in: where the instrument is made."""

LEAVING_USER_MODE_SWITCHES_OFF = True
"""User-mode sources go to 0 V and off when a page of system mode is opened: the cautious side."""

AUTO_STANDBY = True
"""After a system-mode test the SMUs go to 0 V and off unless ``ST ch,0`` says otherwise."""

SMU_EDGE_S = 20e-6
"""Time an SMU takes to a new level: an SMU of its class settles in some tens of microseconds."""

SMU_STEP_S = 2e-3
"""Time a step of a test takes beside its delay and integration, at its level (s): SMUs of its
class need one to a few milliseconds to set up, convert and store."""

SMU_COUNTS = 1_000_000
"""Counts from zero to the end of an SMU range: 100 nA of 100 mA, as data sheets give it."""

SMU_NOISE = 2e-6
"""Noise of an SMU reading at 1 PLC, rms, as a share of its range; falls as 1/sqrt(PLC)."""

PMU_EDGE_S = 100e-9
"""Edge by which a pulse output goes to 0 V when it is aborted or its waveform ends elsewhere."""

RPM_NOISE_A = {
    100e-9: 200e-12, 1e-6: 1e-9, 10e-6: 5e-9, 100e-6: 50e-9, 1e-3: 500e-9, 10e-3: 5e-6,
    200e-3: 100e-6, 800e-3: 400e-6,
}  # fmt: skip
"""Noise of a PMU reading by range, rms (A): 50 nA on 100 uA is what users report; scaled."""

RPM_SETTLING_S = {
    100e-9: 100e-6, 1e-6: 20e-6, 10e-6: 8e-6, 100e-6: 1e-6, 1e-3: 300e-9, 10e-3: 100e-9,
    200e-3: 30e-9, 800e-3: 30e-9,
}  # fmt: skip
"""Time after which a range shows 99 % of a step (s): 8 us on 10 uA and 20 us on 1 uA is what users
report, the rest is scaled."""

PMU_VOLTAGE_OFFSET_V = 5e-3
"""Spread (rms) of the constant offset of a channel's voltmeter (V); users report up to 10 mV."""

PMU_LARGEST_VOLTAGE_OFFSET_V = 10e-3
"""Largest offset of a channel's voltmeter (V)."""

PMU_CURRENT_OFFSET = 5e-4
"""Spread (rms) of the constant offset of a channel's ammeter, as a share of its range."""

SPOT_MEAN_TIME = 1.0
"""Which part of its window the time of a spot mean is: 0 its start, 1 its end."""

LEAST_SLEW_V_PER_S = 1.0
"""Slope below which a segment that is not flat is refused (-959)."""

TOO_MANY_POINTS = -991
"""Error of a test that would measure more than its buffer holds. The manual says that the rate of
a waveform is lowered by itself; that is not modelled."""


def load_factor(load_ohm: float) -> float:
    """How much a pulse source raises its level for the load it was told of.

    A load of 1 Mohm, the default, counts as an open circuit; below, the source makes up for the
    divider with its own 50 ohm: the level of a 10 kohm load is raised by 0.5 %.
    """
    return 1.0 if load_ohm >= 1e6 else (load_ohm + 50.0) / load_ohm
