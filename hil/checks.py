"""Looking at a bench before it measures: offsets, leakage, contact; what was found is kept.

Each look is one program of reads, checked against the limits as any other.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from hil.bench import Bench
from hil.errors import CellFault, StoreError
from hil.program import Program, read
from hil.units import format_quantity

FILE = "checks.jsonl"
"""What was found, a line each, in the folder of the runs."""

CONTACT_V = 50e-3
"""Largest voltage at which a contact is looked for (V)."""

COUNT = 64
SETTLE_S = 1e-3
APERTURE_S = 1e-3

Look = Literal["zero", "open", "contact"]
"""0 V with anything under the probes, the read voltage with lifted probes, at most 50 mV."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one look found, for the worst cell; kept as a line of JSON.

    Attributes
    ----------
    voltage_v, current_a : float
        Mean of the readings (V, A); but for "zero" less what 0 V reads.
    noise_a : float
        Their standard deviation (A).
    """

    when_utc: str
    bench: str
    kind: str
    device: str
    identity: str
    look: Look
    source_v: float
    voltage_v: float
    current_a: float
    noise_a: float

    @property
    def resistance_ohm(self) -> float:
        """Voltage over current (ohm); inf where nothing flows."""
        return abs(self.voltage_v / self.current_a) if self.current_a else np.inf

    @property
    def text(self) -> str:
        """Say it in one line."""
        current = (
            f"{format_quantity(self.current_a, 'A', 3)} "
            f"(sigma {format_quantity(self.noise_a, 'A', 3)})"
        )
        if self.look == "zero":
            return f"0 V reads {format_quantity(self.voltage_v, 'V', 3)} and {current}"
        at = f"{current} at {format_quantity(self.voltage_v, 'V', 3)}"
        return f"{at}: {format_quantity(self.resistance_ohm, 'ohm', 3)}"


def program_of(look: Look, bench: Bench) -> Program:
    """Build the program of a look; a contact is looked for within the read limits."""
    limits = bench.limits.read
    levels_v = {
        "open": limits.positive_v or limits.negative_v,
        "contact": min(CONTACT_V, limits.positive_v) or max(-CONTACT_V, limits.negative_v),
    }
    at_zero = read(0.0, settle_s=SETTLE_S, aperture_s=APERTURE_S, count=COUNT)
    if look == "zero":
        return at_zero
    at_level = read(levels_v[look], settle_s=SETTLE_S, aperture_s=APERTURE_S, count=COUNT)
    return at_zero + at_level


def find(look: Look, bench: Bench) -> Finding:
    """Look at an open bench; tells the cell with the largest current."""
    readings = bench.apply(program_of(look, bench))
    current_a, voltage_v = readings.current_a, readings.voltage_v
    if look != "zero":
        current_a = current_a[COUNT:] - current_a[:COUNT].mean(axis=0)
        voltage_v = voltage_v[COUNT:] - voltage_v[:COUNT].mean(axis=0)
    worst = int(np.abs(current_a.mean(axis=0)).argmax())
    return Finding(
        when_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        bench=bench.name,
        kind=bench.kind,
        device=bench.sample.device,
        identity=bench.identity(),
        look=look,
        source_v=float(readings.source_v[-1, worst]),
        voltage_v=float(voltage_v[:, worst].mean()),
        current_a=float(current_a[:, worst].mean()),
        noise_a=float(current_a[:, worst].std()),
    )


def contact_fault(found: Finding, *, open_ohm: float, short_ohm: float) -> CellFault | None:
    """Judge a contact: None if it is one, else what it looks like."""
    ohm = found.resistance_ohm
    if short_ohm <= ohm <= open_ohm:
        return None
    what, remedy = (
        ("an open circuit", "lower the probes, or look whether they slide")
        if ohm > open_ohm
        else ("a short", "look whether the probes touch, or take another cell")
    )
    return CellFault(f"{format_quantity(ohm, 'ohm', 3)} looks like {what}; {remedy}")


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
            newest[found.look] = found
    texts = [
        f"{look} {re.sub('T.*', '', found.when_utc)}: {found.text}"
        for look, found in newest.items()
    ]
    return "; ".join(texts) or None
