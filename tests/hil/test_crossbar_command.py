"""``hil crossbar``: what a person types, what they get, and what bad input is told."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hil.cli import crossbar as command
from hil.simulators.crossbar import Crossbar
from hil.simulators.crossbar.maps import ProductMap, WriteMap

BENCH = """
kind = "array"
title = "resistors between wires"
[device]
model = "resistor"
[array]
rows = 6
columns = 8
row_wire_ohm = "25ohm"
column_wire_ohm = "20ohm"
driver_ohm = "50ohm"
sense_ohm = "10ohm"
[array.schemes.third]
rows = 0.3
[limits.read]
positive_v = 0.2
negative_v = -0.2
current_a = 1e-3
[limits.switching]
positive_v = 2
negative_v = -1.5
current_a = 1e-3
"""
WIRES = {"row_wire_ohm": 25.0, "column_wire_ohm": 20.0, "driver_ohm": 50.0, "sense_ohm": 10.0}
Maps = list[tuple[WriteMap, ProductMap]]


@pytest.fixture(autouse=True)
def bench(tmp_path: Path) -> Path:
    path = tmp_path / "wired.toml"
    path.write_text(BENCH, encoding="utf-8")
    return path


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Maps:
    """Keep what would be drawn, and draw nothing."""
    kept: Maps = []
    monkeypatch.setattr(command, "_draw", lambda *maps: kept.append(maps[:2]))
    return kept


def test_it_says_what_cells_see_and_ends_with_a_picture(
    hil: Callable[..., Any], tmp_path: Path
) -> None:
    told = hil("crossbar", "wired.toml")
    assert (told.code, told.err) == (0, "")
    for text in (
        "bench    wired  (physics: resistors between wires; 48 cells)\n",
        "cells    100 uS (median) at 100 mV, 100 uS to 100 uS\n",
        "lines    25 ohm a segment in rows, 20 ohm in columns; 50 ohm before each row, 10 ohm ",
        "write    R1C8 with +2 V, V/2: it sees 1.",
        "others on its row see ", "others on its column see ", "others elsewhere see ",
        "most of all that are not selected: R",
        "product  all rows at 100 mV: columns -",
        "picture  crossbar.png\n",
    ):  # fmt: skip
        assert text in told.out
    assert (tmp_path / "crossbar.png").stat().st_size > 10_000


def test_the_maps_are_those_of_the_network(hil: Callable[..., Any], seen: Maps) -> None:
    told = hil("crossbar", "wired.toml", "--cell", "r2c3", "--voltage", "-1.2V", "--json")
    ((write, product),) = seen
    crossbar = Crossbar(np.full((6, 8), 1e-4), **WIRES)
    row_v, column_v = np.full(6, -0.6), np.full(8, -0.6)
    row_v[1], column_v[2] = -1.2, 0.0
    assert write.cell_v == pytest.approx(crossbar.solve(row_v, column_v).cell_v)
    ideal_a = 0.1 * 1e-4 * 6
    error = crossbar.currents_a(np.full(6, 0.1)) / ideal_a - 1
    assert product.column == pytest.approx(error)
    figures = json.loads(told.out)
    assert figures["scheme"] == "V/2"
    assert figures["write"]["cell"] == "R2C3"
    assert figures["write"]["seen_v"] == pytest.approx(write.selected_v)
    assert figures["write"]["others"]["row"]["most_v"] == pytest.approx(
        write.others_v()["row"].max()
    )
    assert figures["product"]["mean_column_error"] == pytest.approx(error.mean())
    assert figures["product"]["worst_column"] == int(np.abs(error).argmax()) + 1
    assert figures["product"]["worst_cell_error"] == pytest.approx(product.contribution.min())


def test_cells_wires_and_schemes_can_be_told(hil: Callable[..., Any], seen: Maps) -> None:
    hil("crossbar", "wired.toml", "--scheme", "third", "--set", "array.row_wire_ohm=0")
    hil("crossbar", "array", "--conductance", "4uS", "--cell", "33", "--set", "bench.array.rows=3")
    hil("crossbar", "array", "--conductance", "1uS,9uS", "--set", "array.rows=3")
    (third, _), (alike, product), (apart, _) = seen
    assert (third.scheme, third.on_row, third.on_column) == ("third", None, 0.3)
    assert np.ptp(third.cell_v[3]) < np.ptp(third.cell_v[:, 3])
    assert (alike.row, alike.column, alike.voltage_v) == (1, 1, 2.5)
    assert apart.cell_v != pytest.approx(alike.cell_v, rel=1e-6)
    at_v = product.contribution.shape
    assert at_v == (3, 32)


def test_a_preset_is_what_the_bench_reads(hil: Callable[..., Any], seen: Maps) -> None:
    told = hil("crossbar", "array", "--conductance", "4uS", "--set", "array.rows=3")
    assert "cells    4 uS (median) at 100 mV, 4 uS to 4 uS" in told.out
    told = hil("crossbar", "array", "--conductance", "9uS,1uS", "--set", "array.rows=3")
    low, high = re.search(r"at 100 mV, ([\d.]+) uS to ([\d.]+) uS", told.out).groups()  # type: ignore[union-attr]
    assert 1 <= float(low) < 2 < 8 < float(high) <= 9


def test_only_the_selected_gate_is_open_in_a_write(
    hil: Callable[..., Any], bench: Path, seen: Maps
) -> None:
    more = "[transistor]\ngate_v = 3\nthreshold_v = 0.5\nk_a_per_v2 = 1e-3\n"
    gates = BENCH.replace("current_a = 1e-3", "current_a = 1e-3\ngate_v = 4")
    bench.write_text(gates + more, encoding="utf-8")
    told = hil("crossbar", "wired.toml", "--cell", "R5C4")
    assert told.code == 0, told.err
    assert "a transistor is in series with each" in told.out
    ((write, product),) = seen
    assert np.ptp(write.cell_v[:4, 3]) < 1e-9  # no current above the selected row
    assert (product.contribution < -0.01).all()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("--cell R7C1", "--cell R7C1 is not in an array of 6 x 8 cells"),
        ("--cell 48", "--cell 48 is not in an array"),
        ("--cell first", "write it as R1C32"),
        ("--scheme V/4", "there is no scheme 'V/4'"),
        ("--voltage 0V", "--voltage is 0 V"),
        ("--conductance 0S", "not one or two conductances above 0"),
        ("--conductance 1uS,2uS,3uS", "not one or two conductances"),
        ("--out map.txt", "does not end in .png"),
        ("--out nowhere/map.png", "cannot be written"),
        ("--set array.rows", "write it as KEY=VALUE"),
        ("--set array.rows=0", "array.rows"),
    ],
)
def test_bad_input_is_told_in_one_sentence(hil: Callable[..., Any], more: str, words: str) -> None:
    told = hil("crossbar", "wired.toml", *more.split())
    assert told.code in (1, 2)
    assert re.fullmatch(r"hil: [^\n]+\n", told.err), told.err
    assert words in told.err


def test_a_bench_without_an_array_is_refused(hil: Callable[..., Any]) -> None:
    told = hil("crossbar", "tiox")
    assert told.code == 1
    assert "bench tiox is of kind 'physics'; name one of kind 'array'" in told.err
