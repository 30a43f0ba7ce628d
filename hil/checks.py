"""Looking at a bench before it measures: offsets, leakage, contact; what was found is kept.

Each check is one program of reads, compared with the limits as any other.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from hil.bench import Bench
from hil.errors import CellFault, ConfigError, StoreError
from hil.program import Program, read
from hil.units import format_quantity

FILE = "checks.jsonl"
"""What was found, a line each, in the folder of the runs."""

CONTACT_V = 50e-3
"""Largest voltage at which a contact is looked for (V)."""

OPEN_OHM, SHORT_OHM = 1e9, 10.0
"""Beyond these a contact looks like none, or like a short (ohm)."""

LEAKS_OHM = 10e6
"""Less than this is something under the probes, and no leakage (ohm)."""

COUNT = 64
SETTLE_S = 1e-3
APERTURE_S = 1e-3

SIGMAS = 5
"""How far a mean must stand out of its noise to count as a current."""

Check = Literal["zero", "open", "contact"]
"""0 V with anything under the probes, the read voltage with lifted probes, at most 50 mV."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found, for the cell with the largest current; kept as a line of JSON.

    Attributes
    ----------
    voltage_v, current_a : float
        Mean of the readings (V, A); but for "zero" less what 0 V reads.
    noise_a : float
        Their standard deviation (A).
    least_a : float
        The least mean that stands out of the noise (A).
    limited : bool
        Whether one of them says "at least so much" only (`hil.readings.Readings.limited`).
    """

    when_utc: str
    bench: str
    kind: str
    device: str
    identity: str
    check: Check
    source_v: float
    voltage_v: float
    current_a: float
    noise_a: float
    least_a: float
    limited: bool

    @property
    def bound(self) -> Literal["less than", "more than"] | None:
        """On which side of `resistance_ohm` the resistance is, where that is only a bound."""
        if self.limited:
            return "less than"
        return "more than" if abs(self.current_a) <= self.least_a else None

    @property
    def resistance_ohm(self) -> float:
        """Voltage over current (ohm), or the `bound` that they set; inf where nothing flows."""
        largest_a = abs(self.current_a)
        if self.bound == "more than":
            largest_a += self.least_a
        return abs(self.voltage_v) / largest_a if largest_a else np.inf

    @property
    def resistance(self) -> str:
        """Say the resistance, and whether it is only a bound."""
        if self.resistance_ohm == np.inf:
            return "no current at all"
        ohm = format_quantity(self.resistance_ohm, "ohm", 3)
        return f"{self.bound} {ohm}" if self.bound else ohm

    @property
    def text(self) -> str:
        """Say it in one line."""
        current = format_quantity(self.current_a, "A", 3)
        noise = format_quantity(self.noise_a, "A", 3)
        current = f"at least {current}" if self.limited else f"{current} (sigma {noise})"
        if self.check == "zero":
            return f"0 V reads {format_quantity(self.voltage_v, 'V', 3)} and {current}"
        return f"{current} at {format_quantity(self.voltage_v, 'V', 3)}: {self.resistance}"


def program_of(check: Check, bench: Bench) -> Program:
    """Build the program of a check; a contact is looked for within the read limits.

    Raises
    ------
    ConfigError
        Where these leave no voltage to look with.
    """
    at_zero = read(0.0, settle_s=SETTLE_S, aperture_s=APERTURE_S, count=COUNT)
    if check == "zero":
        return at_zero
    limits = bench.limits.read
    level_v = {
        "open": limits.positive_v or limits.negative_v,
        "contact": min(CONTACT_V, limits.positive_v) or max(-CONTACT_V, limits.negative_v),
    }[check]
    if level_v == 0:
        raise ConfigError(
            f"limits.read of bench {bench.name} allow no voltage, and at 0 V nothing flows; raise "
            "limits.read.positive_v"
        )
    return at_zero + read(level_v, settle_s=SETTLE_S, aperture_s=APERTURE_S, count=COUNT)


def find(check: Check, bench: Bench) -> Finding:
    """Make a check on an open bench."""
    readings = bench.apply(program_of(check, bench))
    current_a, voltage_v = readings.current_a[-COUNT:], readings.voltage_v[-COUNT:]
    if check != "zero":
        current_a = current_a - readings.current_a[:COUNT].mean(axis=0)
        voltage_v = voltage_v - readings.voltage_v[:COUNT].mean(axis=0)
    worst = int(np.abs(current_a.mean(axis=0)).argmax())
    noise_a = float(current_a[:, worst].std())
    return Finding(
        when_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        bench=bench.name,
        kind=bench.kind,
        device=bench.sample.device,
        identity=bench.identity(),
        check=check,
        source_v=float(readings.source_v[-1, worst]),
        voltage_v=float(voltage_v[:, worst].mean()),
        current_a=float(current_a[:, worst].mean()),
        noise_a=noise_a,
        least_a=SIGMAS * noise_a * (2 / COUNT) ** 0.5,  # of the difference of two means
        limited=bool(readings.limited[-COUNT:, worst].any()),
    )


def contact_fault(found: Finding) -> CellFault | None:
    """Judge a contact: None if it is one, else what it looks like."""
    ohm = found.resistance_ohm
    if found.limited or ohm < SHORT_OHM:
        what, remedy = "a short", "look whether the probes touch, or take another cell"
        if found.limited and ohm > SHORT_OHM:
            remedy += ", or raise limits.read.current_a if only the range is too small"
    elif found.bound == "more than" or ohm > OPEN_OHM:
        what, remedy = "an open circuit", "lower the probes, or look whether they slide"
        if ohm < OPEN_OHM:
            remedy += ", or lower limits.read.current_a if a smaller current is expected"
    else:
        return None
    return CellFault(f"{found.resistance} looks like {what}; {remedy}")


def leakage_fault(found: Finding) -> CellFault | None:
    """Judge what lifted probes showed: None if little enough leaks, else that they are not."""
    if found.bound == "more than" or found.resistance_ohm >= LEAKS_OHM:
        return None
    return CellFault(f"{found.resistance} is no leakage; lift the probes, then check again")


def keep(runs: Path, found: Finding) -> None:
    """Add a finding to those of a folder of runs."""
    path = runs / FILE
    try:
        runs.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(msgspec.json.encode(found) + b"\n")
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; what was found is not kept") from error


def last_check(runs: Path, bench: Bench) -> str | None:
    """Tell what was last found of a bench, None if it was never looked at.

    A line that cannot be read, as a full disk leaves one, is passed over.
    """
    try:
        lines = (runs / FILE).read_bytes().splitlines()
    except OSError:
        return None
    newest: dict[str, Finding] = {}
    for line in lines:
        try:
            found = msgspec.json.decode(line, type=Finding)
        except msgspec.MsgspecError:
            continue
        if (found.bench, found.kind) == (bench.name, bench.kind):
            newest[found.check] = found
    texts = [
        f"{check} {re.sub('T.*', '', found.when_utc)}: {found.text}"
        for check, found in newest.items()
    ]
    return "; ".join(texts) or None
