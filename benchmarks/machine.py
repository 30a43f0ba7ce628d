"""What a figure was measured on."""

import os
import platform
import statistics
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path


def machine(*more: str) -> str:
    """Name processor, cores, system and versions, of more packages too, in one line."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = [
            line.split(":")[1].strip()
            for line in info.read_text().splitlines()
            if "model name" in line
        ]
        processor = found[0] if found else processor
    names = ("numpy", "numba", "matplotlib", *more)
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{processor}, {os.cpu_count()} cores{load}; {platform.system()}, "
        f"Python {platform.python_version()}, {packages}"
    )


class Figure:
    """One figure: its values over several runs, its unit and its goal."""

    def __init__(self, name: str, unit: str, goal: str, values: list[float]) -> None:
        self.name, self.unit, self.goal, self.values = name, unit, goal, values

    @property
    def median(self) -> float:
        """The value to quote."""
        return statistics.median(self.values)

    def line(self) -> str:
        """Write median, range and goal."""
        return (
            f"{self.name:<58} {self.median:>12,.4g} {self.unit:<9} "
            f"({min(self.values):,.4g} to {max(self.values):,.4g}, n={len(self.values)})  "
            f"goal {self.goal}"
        )


def repeated(times: int, measure: Callable[[], float]) -> list[float]:
    """Measure several times, once before that does not count."""
    measure()
    return [measure() for _ in range(times)]
