"""PyMeasure's own hardware suites, run against the virtual instruments.

    python benchmarks/pymeasure_suites.py [--instrument NAME] [--transport pty] [--json FILE]

Fetches the source distribution of PyMeasure with pip, serves each instrument with ``hil serve``,
and runs the suite that PyMeasure keeps for the real one, unmodified, with ``--device-address``.
One suite cannot be pointed anywhere: that of the 33500 skips itself and names the address of its
author's instrument. Those two lines are changed, and nothing else.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from machine import machine

VERSION = "0.16.0"
SKIP = "pytest.skip('Only works with connected hardware', allow_module_level=True)\n"
FIXED_ADDRESS = "TCPIP::192.168.225.208::inst0::INSTR"


class Suite(NamedTuple):
    """A suite, the instrument it is for, and how many cases it has."""

    instrument: str
    path: str
    cases: int
    device: str | None = None


SUITES = (
    Suite("keithley2400", "keithley/test_keithley2400_with_device.py", 75, "open"),
    Suite("keysight81160a", "keysight/test_keysight81160A_with_device.py", 222),
    Suite("keithley4200", "keithley/test_keithley4200_with_device.py", 14, "open"),
    Suite("keysight33522b", "agilent/test_agilent33500_with_device.py", 395),
)


def fetched(folder: Path) -> Path:
    """Fetch and unpack PyMeasure's source distribution; the folder of its tests."""
    subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
            "--no-binary", ":all:", f"pymeasure=={VERSION}", "--dest", str(folder),
        ],
        check=True,
    )  # fmt: skip
    with tarfile.open(folder / f"pymeasure-{VERSION}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / f"pymeasure-{VERSION}" / "tests"


@contextmanager
def served(suite: Suite, transport: str) -> Iterator[str]:
    """Serve an instrument and give its address."""
    command = [
        sys.executable, "-m", "hil", "serve", "--instrument", suite.instrument,
        "--transport", transport, "--port", "0", "--seed", "1",
    ]  # fmt: skip
    if suite.device is not None:
        command += ["--dut", suite.device]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101
            yield process.stdout.readline().split()[0]
        finally:
            process.send_signal(signal.SIGTERM)


def counted(tests: Path, suite: Suite, address: str) -> dict[str, int]:
    """Run a suite; how many of its cases passed, failed, ..."""
    path = tests / "instruments" / suite.path
    text = path.read_text()
    if SKIP in text:
        path.write_text(text.replace(SKIP, "").replace(FIXED_ADDRESS, address))
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", str(path), "--device-address", address, "-q",
            "--rootdir", str(tests), "-c", os.devnull, "-p", "no:randomly",
            "-p", "no:cacheprovider", "--tb=line",
        ],
        capture_output=True, text=True, cwd=tests, check=False,
    )  # fmt: skip
    last = done.stdout.strip().splitlines()[-1]
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (\w+)", last)}
    if not is_good(counts, suite):
        print(done.stdout[-4000:])
    return counts


def is_good(counts: dict[str, int], suite: Suite) -> bool:
    """Whether every case ran and none failed that PyMeasure does not itself expect to fail."""
    ran = {word: n for word, n in counts.items() if word in ("passed", "xpassed", "xfailed")}
    failed = {word for word in counts if word in ("failed", "error", "errors")}
    return sum(ran.values()) == suite.cases and not failed


def main() -> int:
    """Run the suites and print the counts; 1 if a case did not pass."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--instrument", choices=[suite.instrument for suite in SUITES])
    parser.add_argument("--transport", choices=["hislip", "pty"], default="hislip")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(machine())
    results: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        tests = fetched(Path(folder))
        for suite in SUITES:
            if arguments.instrument in (None, suite.instrument):
                with served(suite, arguments.transport) as address:
                    counts = counted(tests, suite, address)
                results[suite.instrument] = counts
                told = ", ".join(f"{count} {word}" for word, count in counts.items())
                print(f"{suite.instrument:<16} {told:<40} of {suite.cases}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    ran = [suite for suite in SUITES if suite.instrument in results]
    good = all(is_good(results[suite.instrument], suite) for suite in ran)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
