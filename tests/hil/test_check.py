"""``hil check`` and what else talks to instruments, from the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hil import checks
from hil.bench import Bench
from hil.config import find_bench, shipped_benches
from hil.store import RunRecord

Hil = Callable[..., Any]


@pytest.fixture
def lab(tmp_path: Path) -> Callable[..., str]:
    """Write a bench file for a 4200A on a 10 kohm resistor, changed as asked."""

    def write(*changes: tuple[str, str]) -> str:
        text = shipped_benches()["keithley4200"].read_text(encoding="utf-8")
        text = text.replace(
            'model = "tiox"', 'model = "resistor"\nparameters = {resistance_ohm = "10kohm"}'
        )
        text = text.replace('"10uA"', '"50uA"', 1)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "lab.toml").write_text(text, encoding="utf-8")
        return "lab.toml"

    return write


def is_one_sentence(told: Any, *parts: str) -> None:
    assert told.code == 1
    assert told.err.startswith("hil: ")
    assert told.err.count("\n") == 1
    for part in parts:
        assert part in told.err


def test_a_check_says_what_the_bench_is_and_promises_and_leaves_it_safe(
    hil: Hil, lab: Callable[..., str]
) -> None:
    told = hil("check", lab(), "--virtual", "--contact")
    assert (told.code, told.err) == (0, "")
    for line in (
        "bench    lab  (virtual: ",
        "limits   read: +0.2 V / -0.2 V, 50 uA",
        "limits   forming: shut",
        "says     Keithley KI4200A",
        "enforced voltage limits: ",
        "assumed  compliance of sweeps: ",
        "verified interlock: ",
        "zero     0 V reads ",
        "bench lab is at 0 V and off",
    ):
        assert line in told.out, line


def test_a_contact_is_looked_for_with_at_most_50_millivolts_and_the_offset_is_subtracted(
    hil: Hil, lab: Callable[..., str], tmp_path: Path
) -> None:
    told = hil("check", lab(), "--virtual", "--contact", "--json")
    figures = msgspec.json.decode(told.out)
    zero, contact = figures["found"]
    assert (zero["look"], contact["look"]) == ("zero", "contact")
    assert contact["source_v"] == 0.05
    assert contact["voltage_v"] / contact["current_a"] == pytest.approx(10e3, rel=0.05)
    lines = (tmp_path / "runs" / checks.FILE).read_bytes().splitlines()
    assert [msgspec.json.decode(line) for line in lines] == figures["found"]


@pytest.mark.parametrize(
    ("resistance", "what"), [("100Gohm", "an open circuit"), ("1ohm", "a short")]
)
def test_no_contact_and_a_short_are_told(
    hil: Hil, lab: Callable[..., str], resistance: str, what: str
) -> None:
    file = lab(('"10kohm"', f'"{resistance}"'), ("ideal = false", "ideal = true"))
    is_one_sentence(hil("check", file, "--virtual", "--contact"), f"looks like {what}; ")


def test_what_was_found_goes_into_the_next_run_on_that_bench(
    hil: Hil, lab: Callable[..., str], tmp_path: Path
) -> None:
    file = lab()
    assert hil("check", file, "--virtual").code == 0
    assert hil("check", file, "--virtual", "--open").code == 0
    with (tmp_path / "runs" / checks.FILE).open("ab") as kept:
        kept.write(b'{"when_utc": "cut by a full d')
    told = hil("run", "iv", "--bench", file, "--virtual", "--set=cycles=1")
    assert told.code == 0, told.err
    (folder,) = (tmp_path / "runs").glob("*_iv_*")
    with RunRecord(folder) as record:
        details = {event.what: event.detail for event in record.events()}
        assert record.header.kind == "virtual"
    assert "zero 20" in details["checked"]
    assert "open 20" in details["checked"]
    assert details["instruments"].startswith("Keithley KI4200A")
    assert "SMU1" in details["bench"]


def test_the_contract_runs_on_the_stated_resistor_and_on_no_other(
    hil: Hil, lab: Callable[..., str]
) -> None:
    file = lab()
    told = hil("check", file, "--virtual", "--contract", "--resistor", "10kohm")
    assert told.code == 0, told.out
    assert " passed" in told.out
    is_one_sentence(
        hil("check", file, "--virtual", "--contract", "--resistor", "20kohm"),
        "is under the probes and not 20 kohm",
    )
    told = hil("check", file, "--virtual", "--contract")
    assert (told.code, told.err.count("\n")) == (2, 1)
    assert "--resistor 10kohm" in told.err


def test_a_bench_that_breaks_the_contract_is_told(
    hil: Hil, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(self: Bench, cells: Any, stress: Any) -> None:
        return

    monkeypatch.setattr("hil.limits.Ledger.book", forgetful)
    told = hil("check", "resistor", "--contract", "--resistor", "10kohm")
    assert told.code == 1
    assert "does not keep its contract" in told.err
    assert "test_apply_books_what_check_announced" in told.out


@pytest.mark.parametrize(
    "command",
    ["run iv --bench", "check", "read --bench", "pulse --voltage=1V --high=1us --bench"],
)
def test_a_simulated_bench_has_no_virtual_instruments(hil: Hil, command: str) -> None:
    is_one_sentence(hil(*command.split(), "tiox", "--virtual"), "has no instruments")


def test_forming_on_instruments_is_opened_for_one_run(
    hil: Hil, lab: Callable[..., str], tmp_path: Path
) -> None:
    forming = '[limits.forming]\npositive_v = "4V"\nnegative_v = "0V"\ncurrent_a = "50uA"\n'
    file = lab(
        ('model = "resistor"\nparameters = {resistance_ohm = "10kohm"}',
         'model = "stanford"\nparameters = {i0_a = "50uA", v0_v = "0.5V", gap_max_m = 2.4e-9}'),
        ("[sample]", f"{forming}[sample]"),
        ("formed = true ", "formed = false"),
    )  # fmt: skip
    command = ("run", "forming", "--bench", file, "--virtual", "--seed=1")
    is_one_sentence(hil(*command), "--allow forming")
    assert not list((tmp_path / "runs").glob("*_forming_*"))
    told = hil(*command, "--allow", "forming")
    assert told.code == 0, told.err
    assert "formed = true can now be stated" in told.out


def test_a_pulse_and_a_read_go_through_the_driver(hil: Hil, lab: Callable[..., str]) -> None:
    file = lab(("ideal = false", "ideal = true"))
    told = hil("pulse", "--bench", file, "--virtual", "--voltage=1V", "--high=1us", "--json")
    assert told.code == 0
    figures = msgspec.json.decode(told.out)
    assert figures["kind"] == "virtual"
    for reading in figures["readings"]:
        assert reading["conductance_s"] == pytest.approx(1e-4, rel=0.01)


def test_a_budget_without_a_name_to_count_it_by_is_refused(
    hil: Hil, lab: Callable[..., str]
) -> None:
    file = lab(("[sample]", "[limits.budget]\npulses = 10\n[sample]"))
    command = ("pulse", "--bench", file, "--virtual", "--voltage=1V", "--high=1us")
    is_one_sentence(hil(*command), "--device")
    assert hil(*command, "--device=W1").code == 0


def test_what_fails_inside_the_simulation_is_told(hil: Hil, lab: Callable[..., str]) -> None:
    file = lab(('model = "resistor"\nparameters = {resistance_ohm = "10kohm"}', 'model = "tiox"'))
    told = hil("pulse", "--bench", file, "--virtual", "--voltage=1.1V", "--high=1us")
    assert told.code == 1
    assert "the simulation itself failed: " in told.err
    assert "Traceback" not in told.err


def test_a_check_of_a_real_bench_asks_first(
    hil: Hil, lab: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(text: str) -> str:
        asked.append(text)
        return "n"

    monkeypatch.setattr("click.termui.visible_prompt_func", refuse)
    told = hil("check", lab(), "--device", "W3/D14")
    assert told.code == 130
    assert "measure W3/D14 now?" in asked[0]
    assert "(hardware: " in told.out


def test_kept_findings_are_those_of_the_same_bench(tmp_path: Path) -> None:
    with find_bench("resistor").build(1) as bench:
        assert checks.last_check(tmp_path, bench) is None
        found = checks.find("zero", bench)
        checks.keep(tmp_path, msgspec.structs.replace(found, bench="another"))
        assert checks.last_check(tmp_path, bench) is None
        checks.keep(tmp_path, found)
        assert str(checks.last_check(tmp_path, bench)).startswith("zero 20")
