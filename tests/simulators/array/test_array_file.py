"""The bench file of an array."""

from pathlib import Path

import numpy as np
import pytest

from hil.config import bench_from_record, find_bench, shipped_benches
from hil.errors import ConfigError
from hil.program import read
from hil.schemes import Scheme
from hil.simulators.array.bench import ArrayBench

SHIPPED = shipped_benches()["array"].read_text(encoding="utf-8")
GATES = """
[transistor]
gate_v = "2.5V"
threshold_v = "0.6V"
"""
FEW = {"array.rows": "2", "array.columns": "3"}


def file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def built(path: str) -> ArrayBench:
    bench = find_bench(path, FEW).build(seed=1)
    assert isinstance(bench, ArrayBench)
    return bench


def test_a_scheme_of_ones_own_is_taken_from_the_file(tmp_path: Path) -> None:
    text = SHIPPED.replace('scheme = "V/2" ', 'scheme = "half" ', 1)
    bench = built(file(tmp_path, text + "\n[array.schemes.half]\nrows = 0.5\n"))
    assert bench.biasing is not None
    assert bench.biasing.write == "half"
    assert bench.biasing.schemes["half"] == Scheme(rows=0.5, columns=None)
    assert "half" in bench.capabilities.schemes
    with bench:
        notes = bench.check(read(0.1).demanding(read_scheme="half")).notes
    assert "half" in notes[0]


def test_a_transistor_or_a_selector_goes_in_series(tmp_path: Path) -> None:
    limited = SHIPPED.replace('current_a = "500uA"', 'current_a = "500uA"\ngate_v = "3V"')
    gated = built(file(tmp_path, limited + GATES))
    assert gated.capabilities.gate
    assert gated.array.access is not None
    selected = built(file(tmp_path, SHIPPED + "\n[selector]\n"))
    assert not selected.capabilities.gate
    assert selected.array.access is not None
    assert built("array").array.access is None


def test_the_network_is_the_files_with_the_board_in_it(tmp_path: Path) -> None:
    network = built("array").array.network
    assert (network.row_wire_ohm == 2.5).all()
    assert network.driver_ohm == pytest.approx(np.full(2, 50.0 + 5.0))
    assert network.sense_ohm == pytest.approx(np.full(3, 10.0 + 5.0 + 5.0))
    assert np.isinf(network.far_driver_ohm).all()
    text = SHIPPED.replace("[array]", "[array]\nboth_ends = true")
    both = built(file(tmp_path, text)).array.network
    assert both.far_driver_ohm == pytest.approx(np.full(2, 2.5 + 50.0 + 5.0))
    assert both.far_sense_ohm == pytest.approx(np.full(3, 2.5 + 10.0 + 5.0 + 5.0))


def test_a_file_in_the_record_of_a_run_makes_the_same_bench() -> None:
    import msgspec

    named = find_bench("array", FEW)
    again = bench_from_record("array", msgspec.to_builtins(named.file))
    assert again.file == named.file
    with named.build(seed=4) as one, again.build(seed=4) as two:
        assert (one.apply(read(0.1)).current_a == two.apply(read(0.1)).current_a).all()


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('scheme = "V/2" ', 'scheme = "V/4" ', r"array\.scheme is 'V/4'; it is one of V/2"),
        ('read_scheme = "grounded"', 'read_scheme = "no"', r"array\.read_scheme is 'no'"),
        ("rows = 32 ", "rows = 0 ", r"array\.rows"),
        ("columns = 32 ", "columns = 5000 ", r"array\.columns"),
        ('row_wire_ohm = "2.5ohm"', 'row_wire_ohm = "-1ohm"', r"array\.row_wire_ohm"),
        ('row_wire_ohm = "2.5ohm"', "row_wire_ohm = nan", r"array\.row_wire_ohm"),
        ('row_wire_ohm = "2.5ohm"', 'row_wire_ohm = "2.5V"', r"array\.row_wire_ohm"),
        ("bits = 14", "bits = 1", r"board\.dac\.bits"),
        ('range_a = "600uA"', "", r"board\.adc\.range_a is missing"),
        ("[board.mux]", "[board.max]", "max"),
        ("[board.mux]", "[selector]\n[transistor]\ngate_v = 1\n[board.mux]", "one of them"),
        ("[board.mux]", "[transistor]\n[board.mux]", "gate_v"),
        ("[board.mux]", "[transistor]\ngate_v = 1\n[board.mux]", r"limits\.read\.gate_v is miss"),
        ("[board.mux]", '[array.schemes."V/2"]\nrows = 0.5\n[board.mux]', "there already"),
        ("[board.mux]", "[array.schemes.odd]\nrows = 1.5\n[board.mux]", r"schemes\.odd\.rows"),
        (
            "[board.mux]",
            "[array.schemes.odd]\nrow = 0.5\n[board.mux]",
            "odd: there is no key 'row'",
        ),
        ("[board.mux]", "[array.schemes]\nodd = 0.5\n[board.mux]", r"schemes\.odd: it must be a"),
        ('positive_v = "0.2V"', "positive_v = 0.2\ngate_v = -2", r"limits\.read\.gate_v"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, old: str, new: str, text: str) -> None:
    assert old in SHIPPED
    with pytest.raises(ConfigError, match=text):
        find_bench(file(tmp_path, SHIPPED.replace(old, new, 1)))


def test_a_device_yet_to_be_formed_is_not_called_formed(tmp_path: Path) -> None:
    text = SHIPPED.replace("gap_max_m", "forming = {}\ngap_max_m", 1)
    with pytest.raises(ConfigError, match="formed = false"):
        find_bench(file(tmp_path, text))
