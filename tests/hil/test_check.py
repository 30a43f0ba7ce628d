"""``hil check`` and what else talks to instruments, from the command line."""

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hil import checks
from hil.bench import Bench
from hil.config import find_bench, shipped_benches
from hil.errors import ConfigError, HilError
from hil.samples import FILE as SAMPLES
from hil.simulators.physics_bench import PhysicsBench
from hil.store import RunRecord
from hil.testing import BenchContract, on_bench

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


@pytest.fixture
def resistor(tmp_path: Path) -> Callable[..., str]:
    """Write a bench file for a simulated resistor of 10 kohm, changed as asked."""

    def write(*changes: tuple[str, str]) -> str:
        text = shipped_benches()["resistor"].read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "bench.toml").write_text(text, encoding="utf-8")
        return "bench.toml"

    return write


CONTRACT = ("--contract", "--resistor", "10kohm")


def booked(runs: Path) -> dict[str, tuple[int, float]]:
    """Pulses and time under bias (s) of each holding of a bench."""
    with closing(sqlite3.connect(runs / SAMPLES)) as db:
        rows = db.execute("SELECT run, sum(pulses), sum(bias_s) FROM stress GROUP BY run")
        return {run: (pulses, bias_s) for run, pulses, bias_s in rows}


def is_one_sentence(told: Any, *parts: str) -> None:
    assert told.code == 1
    assert told.err.startswith("hil: ")
    assert told.err.count("\n") == 1
    for part in parts:
        assert part in told.err


def test_a_check_says_what_the_bench_is_and_promises_and_leaves_it_safe(
    hil: Hil, lab: Callable[..., str]
) -> None:
    told = hil("check", lab(), "--virtual", "--seed=1", "--contact")
    assert (told.code, told.err) == (0, "")
    for line in (
        "bench    lab  (virtual: ",
        "limits   read: +0.2 V / -0.2 V, 50 uA",
        "limits   forming: +4 V / +0 V, 50 uA, 10 s; shut unless a run has --allow forming",
        "says     Keithley KI4200A",
        "enforced voltage limits: ",
        "assumed  compliance of sweeps: ",
        "verified interlock: ",
        "zero     0 V reads ",
        "bench lab is at 0 V and off",
    ):
        assert line in told.out, line


def test_a_check_says_where_forming_has_no_limits(hil: Hil) -> None:
    assert "limits   forming: none, so it is refused\n" in hil("check", "resistor").out


def test_a_contact_is_looked_for_with_at_most_50_millivolts_and_the_offset_is_subtracted(
    hil: Hil, lab: Callable[..., str], tmp_path: Path
) -> None:
    told = hil("check", lab(), "--virtual", "--seed=1", "--contact", "--json")
    figures = msgspec.json.decode(told.out)
    zero, contact = figures["found"]
    assert (zero["check"], contact["check"]) == ("zero", "contact")
    assert contact["source_v"] == 0.05
    assert contact["voltage_v"] / contact["current_a"] == pytest.approx(10e3, rel=0.05)
    lines = (tmp_path / "runs" / checks.FILE).read_bytes().splitlines()
    assert [msgspec.json.decode(line) for line in lines] == figures["found"]


def test_what_lies_under_the_probes_is_not_kept_as_leakage(
    hil: Hil, lab: Callable[..., str], tmp_path: Path
) -> None:
    told = hil("check", lab(), "--virtual", "--seed=1", "--open")
    is_one_sentence(told, "is no leakage; lift the probes")
    kept = (tmp_path / "runs" / checks.FILE).read_text(encoding="utf-8")
    assert '"check":"zero"' in kept
    assert '"check":"open"' not in kept
    file = lab(('"10kohm"', '"100Gohm"'))
    assert hil("check", file, "--virtual", "--seed=1", "--open").code == 0


@pytest.mark.parametrize(
    ("resistance", "least", "told_ohm", "what"),
    [
        ("1ohm", "10uA", "less than ", "a short"),
        ("5ohm", "10uA", "less than ", "a short"),
        ("5ohm", "10mA", "5", "a short"),
        ("1kohm", "10uA", "less than 4.", "a short"),
        ("1kohm", "50uA", "", ""),
        ("10kohm", "10uA", "", ""),
        ("1e15ohm", "10uA", "more than ", "an open circuit"),
        ("1e15ohm", "10mA", "more than ", "an open circuit"),
    ],
)
def test_no_contact_and_a_short_are_told_also_where_the_reading_is_only_a_bound(
    hil: Hil, lab: Callable[..., str], resistance: str, least: str, told_ohm: str, what: str
) -> None:
    file = lab(
        ('"10kohm"', f'"{resistance}"'),
        ('current_a = "50uA"', f'current_a = "{least}"'),
        ('current_a = "500uA"', 'current_a = "10mA"'),
    )
    told = hil("check", file, "--virtual", "--seed=1", "--contact")
    if not what:
        assert (told.code, told.err) == (0, "")
        return
    is_one_sentence(told, f"hil: {told_ohm}", f" looks like {what}; ")
    assert ("raise limits.read.current_a" in told.err) == told_ohm.startswith("less")
    assert "bench lab is at 0 V and off" in told.out
    said = told.out.splitlines()[-3]
    assert said.startswith("contact  at least ") == told_ohm.startswith("less")
    assert f"V: {told_ohm}" in said


def a_contact(**changes: Any) -> checks.Finding:
    found = checks.Finding(
        when_utc="", bench="", kind="physics", device="", identity="", check="contact",
        source_v=0.05, voltage_v=0.05, current_a=5e-6, noise_a=0.0, least_a=0.0, limited=False,
    )  # fmt: skip
    return msgspec.structs.replace(found, **changes)


@pytest.mark.parametrize(
    ("changes", "ohm", "bound", "fault"),
    [
        ({}, 10e3, None, ""),
        ({"current_a": 1e-8, "least_a": 0.99e-8}, 5e6, None, ""),
        ({"current_a": -1e-8, "least_a": 1e-8}, 2.5e6, "more than", "lower limits.read.current_a"),
        ({"limited": True}, 10e3, "less than", "raise limits.read.current_a"),
        ({"limited": True, "current_a": 0.01}, 5.0, "less than", "take another cell$"),
        ({"current_a": 0.01}, 5.0, None, "^5 ohm looks like a short"),
        ({"current_a": 1e-11}, 5e9, None, "5 Gohm looks like an open circuit"),
        ({"current_a": 0.0}, float("inf"), "more than", "^no current at all .* slide$"),
    ],
    ids=str,
)
def test_a_contact_is_judged_by_what_its_reading_can_tell(
    changes: dict[str, Any], ohm: float, bound: str | None, fault: str
) -> None:
    found = a_contact(**changes)
    assert found.resistance_ohm == pytest.approx(ohm)
    assert found.bound == bound
    judged = checks.contact_fault(found)
    assert (judged is None) == (not fault)
    if judged is not None:
        with pytest.raises(HilError, match=fault):
            raise judged


def test_what_stands_out_of_the_noise_is_five_sigma_of_a_difference_of_means(
    resistor: Callable[..., str], tmp_path: Path
) -> None:
    text = ("[source]", '[readout]\nnoise_a = "1nA"\n[source]')
    resistor(text)
    with find_bench(str(tmp_path / "bench.toml")).build(1) as bench:
        found = checks.find("contact", bench)
    assert found.noise_a == pytest.approx(1e-9, rel=0.3)
    assert found.least_a == pytest.approx(5 * found.noise_a * (2 / checks.COUNT) ** 0.5)


def test_what_was_found_goes_into_the_next_run_on_that_bench(
    hil: Hil, lab: Callable[..., str], tmp_path: Path
) -> None:
    assert (
        hil("check", lab(('"10kohm"', '"100Gohm"')), "--virtual", "--seed=1", "--open").code == 0
    )
    file = lab()
    assert hil("check", file, "--virtual", "--seed=1").code == 0
    with (tmp_path / "runs" / checks.FILE).open("ab") as kept:
        kept.write(b'{"when_utc": "cut by a full d')
    told = hil("run", "iv", "--bench", file, "--virtual", "--seed=1", "--set=cycles=1")
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
    told = hil("check", file, "--virtual", "--seed=1", "--contract", "--resistor", "10kohm")
    assert told.code == 0, told.out
    assert " passed" in told.out
    is_one_sentence(
        hil("check", file, "--virtual", "--seed=1", "--contract", "--resistor", "20kohm"),
        "is under the probes and not 20 kohm",
    )
    told = hil("check", file, "--virtual", "--seed=1", "--contract")
    assert (told.code, told.err.count("\n")) == (2, 1)
    assert "--resistor 10kohm" in told.err


def test_a_bench_that_breaks_the_contract_is_told(
    hil: Hil, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(self: Bench, cells: Any, stress: Any, others: Any) -> None:
        return

    monkeypatch.setattr("hil.limits.Ledger.book", forgetful)
    told = hil("check", "resistor", "--contract", "--resistor", "10kohm")
    assert told.code == 1
    assert "does not keep its contract" in told.err
    assert "test_apply_books_what_check_announced" in told.out


@pytest.mark.parametrize(("stated", "there"), [("4.8kohm", "1kohm"), ("6Mohm", "1e15ohm")])
def test_the_contract_is_not_run_where_the_resistor_is_known_by_a_bound_only(
    hil: Hil, lab: Callable[..., str], stated: str, there: str
) -> None:
    file = lab(('"10kohm"', f'"{there}"'), ('"50uA"', '"10uA"'))
    is_one_sentence(
        hil("check", file, "--virtual", "--seed=1", "--contract", "--resistor", stated),
        "than ",
        "is all that can be told",
    )


def test_the_worst_that_the_contract_sends_is_shown_before_the_question(
    hil: Hil, lab: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(text: str) -> str:
        asked.append(text)
        return "n"

    monkeypatch.setattr("click.termui.visible_prompt_func", refuse)
    shown: dict[tuple[str, ...], str] = {}
    for command in (("--contact",), CONTRACT):
        told = hil("check", lab(), *command)
        assert (told.code, len(asked)) == (130, len(shown) + 1)
        shown[command] = told.out
    assert "worst case at the cell: +0.05 V / +0 V" in shown["--contact",]
    assert "+0.9 V" not in shown["--contact",]
    assert "pulse    worst case at the cell: +0.9 V / +0 V" in shown[CONTRACT]
    assert "read     worst case at the cell: +0.1 V / +0 V" in shown[CONTRACT]


def test_what_the_bench_will_not_do_as_a_check_says_is_shown(
    hil: Hil, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = PhysicsBench._prepare

    def noting(self: PhysicsBench, *arguments: Any) -> Any:
        return prepare(self, *arguments)._replace(notes=("the computer keeps the time",))

    monkeypatch.setattr(PhysicsBench, "_prepare", noting)
    told = hil("check", "resistor", "--contact")
    assert told.code == 0
    assert told.out.count("         the computer keeps the time\n") == 2


def test_no_program_of_the_contract_goes_further_than_was_shown(
    hil: Hil, monkeypatch: pytest.MonkeyPatch
) -> None:
    with find_bench("resistor").build(1) as bench:
        shown = [bench.check(program) for program in on_bench.contract_programs(bench).values()]
    played = []
    apply = PhysicsBench._apply

    def noted(self: PhysicsBench, program: Any, cells: Any, payload: Any) -> Any:
        played.append(self._check_anew(program, cells).cost)
        return apply(self, program, cells, payload)

    monkeypatch.setattr(PhysicsBench, "_apply", noted)
    assert hil("check", "resistor", *CONTRACT).code == 0
    assert len(played) > 10
    for name in ("positive_v", "current_a"):
        most = max(getattr(cost, name) for cost in shown)
        assert max(getattr(cost, name) for cost in played) == most
    assert min(cost.negative_v for cost in played) == 0


def test_without_pytest_the_contract_names_the_extra_before_anything_is_opened(
    ended: Callable[..., Any],
) -> None:
    code = """
import sys
sys.modules["pytest"] = None
sys.argv = ["hil", "check", "resistor", "--contract", "--resistor", "10kohm"]
from hil.cli.main import main
main()
"""
    told = ended(code=code)
    is_one_sentence(told, "the extra test installs")
    assert told.out == ""


@pytest.mark.parametrize("options", ["--collect-only", "-k no_such_test", "--no-such-option"])
def test_options_for_other_tests_do_not_decide_whether_the_contract_is_kept(
    hil: Hil, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", options)
    told = hil("check", "resistor", *CONTRACT)
    assert told.code == 0, told.err
    assert " passed" in told.out
    assert os.environ["PYTEST_ADDOPTS"] == options
    monkeypatch.setattr("hil.limits.Ledger.book", lambda *_: None)
    assert "does not keep its contract" in hil("check", "resistor", *CONTRACT).err


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (pytest.ExitCode.OK, "OK, 0 tests passed"),
        (pytest.ExitCode.USAGE_ERROR, "USAGE ERROR"),
        (pytest.ExitCode.NO_TESTS_COLLECTED, "NO TESTS COLLECTED"),
        (pytest.ExitCode.INTERRUPTED, "INTERRUPTED"),
        (99, "99"),
    ],
    ids=str,
)
def test_a_contract_that_was_not_run_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    monkeypatch.setattr(pytest, "main", lambda *_, **__: code)
    with pytest.raises(ConfigError, match=f"did not run the contract.*{said}"):
        on_bench.run_contract(on_bench.Stated(lambda: find_bench("resistor").build(1), 1e4, 0.05))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_contract_as_it_ends_everything(
    hil: Hil, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(
        BenchContract, "test_check_is_pure", lambda *_: signal.raise_signal(number)
    )
    monkeypatch.setattr(PhysicsBench, "_make_safe", lambda _: calls.append("safe"))
    monkeypatch.setattr(PhysicsBench, "_open", lambda _: calls.append("open"))
    told = hil("check", "resistor", *CONTRACT)
    assert (told.code, told.err.strip()) == (130, "hil: stopped")
    assert calls.count("open") > 1, "the check, and at least one test"
    assert calls[-1] == "safe"


def test_each_check_of_a_named_simulated_device_is_booked_and_adds_up(
    hil: Hil, tmp_path: Path
) -> None:
    for _ in range(3):
        assert hil("check", "resistor", "--device=D1", "--contact").code == 0
        assert hil("read", "--bench=resistor", "--device=D1").code == 0
    shares = booked(tmp_path / "runs")
    of_checks = [share for run, share in shares.items() if run.endswith("_check")]
    assert len(of_checks) == 3
    assert len(shares) == 6
    assert len(set(of_checks)) == 1
    assert of_checks[0][1] > checks.COUNT * checks.APERTURE_S


def test_the_pulses_of_the_contract_are_booked_on_a_simulated_device_too(
    hil: Hil, tmp_path: Path
) -> None:
    counts = []
    for _ in range(2):
        assert hil("check", "resistor", "--device=D1", *CONTRACT).code == 0
        shares = booked(tmp_path / "runs")
        pulses = [share[0] for run, share in shares.items() if run.endswith("_contract")]
        assert len(pulses) > 10, "a share for each test"
        counts.append(sum(pulses))
    assert counts[0] >= 4
    assert counts[1] == 2 * counts[0]


@pytest.mark.parametrize(
    ("negative", "options", "said"),
    [
        ("-0.2V", CONTRACT, "half of limits.read.positive_v"),
        ("0V", ("--contact",), "raise limits.read.positive_v"),
        ("0V", ("--open",), "raise limits.read.positive_v"),
        ("0V", CONTRACT, "raise limits.read.positive_v"),
    ],
)
def test_read_limits_of_0_volts_are_told_before_anything_is_opened(
    hil: Hil,
    resistor: Callable[..., str],
    negative: str,
    options: tuple[str, ...],
    said: str,
) -> None:
    file = resistor(('positive_v = "0.2V"', 'positive_v = "0V"'), ('"-0.2V"', f'"{negative}"'))
    told = hil("check", file, *options)
    is_one_sentence(told, said)
    assert "reads" not in told.out
    assert hil("check", file).code == 0, "its offset can be measured all the same"


@pytest.mark.parametrize(
    "options",
    [("--contract", "--resistor=0ohm"), (*CONTRACT, "--open"), ("--contact", "--open")],
    ids=str,
)
def test_what_cannot_be_checked_is_refused(hil: Hil, options: tuple[str, ...]) -> None:
    told = hil("check", "resistor", *options)
    assert (told.code, told.err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    "command",
    ["run iv --bench", "check", "read --bench", "pulse --voltage=1V --high=1us --bench"],
)
def test_a_simulated_bench_has_no_virtual_instruments(hil: Hil, command: str) -> None:
    is_one_sentence(hil(*command.split(), "tiox", "--virtual", "--seed=1"), "has no instruments")


def test_forming_on_instruments_is_opened_for_one_run(
    hil: Hil, lab: Callable[..., str], tmp_path: Path
) -> None:
    file = lab(
        ('model = "resistor"\nparameters = {resistance_ohm = "10kohm"}',
         'model = "stanford"\nparameters = {i0_a = "50uA", v0_v = "0.5V", gap_max_m = 2.4e-9}'),
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
    told = hil(
        "pulse", "--bench", file, "--virtual", "--seed=1", "--voltage=1V", "--high=1us", "--json"
    )
    assert told.code == 0
    figures = msgspec.json.decode(told.out)
    assert figures["kind"] == "virtual"
    for reading in figures["readings"]:
        assert reading["conductance_s"] == pytest.approx(1e-4, rel=0.01)


def test_a_budget_without_a_name_to_count_it_by_is_refused(
    hil: Hil, lab: Callable[..., str]
) -> None:
    file = lab(("[sample]", "[limits.budget]\npulses = 10\n[sample]"))
    command = ("pulse", "--bench", file, "--virtual", "--seed=1", "--voltage=1V", "--high=1us")
    is_one_sentence(hil(*command), "--device")
    assert hil(*command, "--device=W1").code == 0


def test_what_fails_inside_the_simulation_is_told(hil: Hil, lab: Callable[..., str]) -> None:
    file = lab(('model = "resistor"\nparameters = {resistance_ohm = "10kohm"}', 'model = "tiox"'))
    told = hil("pulse", "--bench", file, "--virtual", "--seed=1", "--voltage=1.1V", "--high=1us")
    assert told.code == 1
    assert told.err.startswith("hil: the simulated device cannot do this: ")
    assert told.err.count("\n") == 1


def test_what_fails_inside_the_simulation_is_kept_with_the_run(
    hil: Hil, lab: Callable[..., str]
) -> None:
    file = lab(('model = "resistor"\nparameters = {resistance_ohm = "10kohm"}', 'model = "tiox"'))
    told = hil("run", "iv", "--bench", file, "--virtual", "--seed=1", "--set=cycles=1")
    assert told.err.startswith("hil: the simulated device cannot do this: ")
    assert told.err.count("\n") == 1
    shown = hil("show", "last").out
    assert "the simulated device cannot do this: " in shown
    assert "still be on" not in shown


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
