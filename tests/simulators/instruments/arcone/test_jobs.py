"""The jobs of the virtual ArC ONE: tokens in, floats out, what reaches the cells."""

import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.errors import ConfigError
from hil.simulators.instruments.arcone import unconfirmed
from tests.simulators.instruments.arcone.board_in_process import Bare

END = (0.0, 0.0, 0.0)
BIASED_OHM = 5_000.0
"""Of 10 kohm under a bias: the other three cells of the bit add a third of its current each."""


class TestTheLine:
    def test_a_host_initializes_it_as_the_libraries_do(self) -> None:
        board = Bare(fresh=True)
        assert board.send("00") == b""
        board.sleep(2.0)
        assert board.send("0", "30", "32", "32", "2", "0", "0", "0.500000") == b"1\n"
        assert board.send("01", "2", "0.500000") == b""
        assert board.send("999") == struct.pack("<HH", *unconfirmed.VERSION)

    def test_nothing_is_heard_for_a_while_after_a_reset(self) -> None:
        board = Bare()
        board.send("00")
        assert board.send("999") == b""
        board.sleep(unconfirmed.RESET_S)
        assert board.send("999") != b""

    def test_a_reset_forgets_the_settings(self) -> None:
        board = Bare(mode=1)
        board.send("01", 1, 0.2, "02", 2, 2, "00")
        board.sleep(2)
        board.send("04", 1.0, 1e-3)
        assert board.pulses() == []
        board.ask("1", 1, 1)
        assert board.waveforms()[0].signal.stop_v[0] == unconfirmed.FIRST_READ_V  # type: ignore[union-attr]

    def test_a_token_too_few_is_taken_from_what_comes_next(self) -> None:
        board = Bare()
        assert board.send("1", 1) == b""
        assert board.ask("1", 2, 3) == [10_000.0]  # of 1, 1: then 2 is a job
        assert board.send("0", 9) == b""  # job 2 with 3, 0 and 9
        assert board.ask("1", 1, 1) == [10_000.0]

    def test_a_token_too_many_is_the_next_job(self) -> None:
        board = Bare()
        assert board.ask("1", 1, 1, "1") == [10_000.0]
        assert board.ask(2, 2) == [10_000.0]

    @pytest.mark.parametrize("token", ["", "   ", "\r"])
    def test_empty_lines_are_passed_over(self, token: str) -> None:
        assert Bare().ask("1", token, 1, token, 1) == [10_000.0]

    def test_unknown_jobs_are_passed_over(self) -> None:
        assert Bare().ask("77", "hello", "1", 1, 1) == [10_000.0]

    @pytest.mark.parametrize("token", ["abc", "nan", "inf", "1e400", "\xff"])
    def test_what_is_no_number_counts_as_0(self, token: str) -> None:
        board = Bare()
        board.send("3", 1, 1, token, 1e-3)
        assert board.pulses() == []

    def test_packets_drop_only_where_it_is_asked_for(self) -> None:
        for drops in (False, True):
            board = Bare(fresh=True, drops_packets=drops)
            board.sleep(1.0)
            board.send("02", 1, 1)
            assert (board.send("999") == b"") == drops
            board.sleep(0.6e-3)
            assert board.send("999") != b""


class TestReads:
    def test_read_one_and_all_and_some(self) -> None:
        board = Bare(rows=2, columns=3, model="resistor", parameters={"resistance_ohm": 2e3})
        assert board.ask("1", 2, 3) == [2000.0]
        assert board.ask("2", 1, 2, 3) == [2000.0] * 6
        answers = [board.ask(t) for t in ("2", 2, 32, 32, 2, 1, 1, 2, 2)]
        assert answers == [[], [], [], [], [], [], [2000.0], [], [2000.0]]

    def test_all_go_word_by_word_over_the_right_cells(self) -> None:
        board = Bare(rows=3, columns=2)
        board.ask("2", 1, 3, 2)
        cells = [e.what["cell"] for e in board.waveforms()]
        assert cells == [0, 1, 2, 3, 4, 5]

    @pytest.mark.parametrize("place", [(0, 1), (1, 0), (5, 1), (1, 5), (33, 33), (-1, 1)])
    def test_a_crosspoint_that_is_not_there_is_open(self, place: tuple[int, int]) -> None:
        assert Bare().ask("1", *place) == [unconfirmed.LARGEST_OHM]

    def test_nothing_reaches_the_array_in_another_session(self) -> None:
        board = Bare(fresh=True)
        board.send("0", 30, 4, 4, 2, 1, 0, 0.5)
        assert board.ask("3", 1, 1, 1.0, 1e-3) == [unconfirmed.LARGEST_OHM]
        assert board.waveforms() == []

    @pytest.mark.parametrize(
        ("ohm", "told"), [(10.0, unconfirmed.SMALLEST_OHM), (1e12, unconfirmed.LARGEST_OHM)]
    )
    def test_ends_of_the_range(self, ohm: float, told: float) -> None:
        assert Bare(parameters={"resistance_ohm": ohm}).ask("1", 1, 1) == [told]

    def test_only_four_points_leave_out_the_path(self) -> None:
        told = []
        for mode in (1, 2):
            board = Bare(mode=mode, parameters={"resistance_ohm": 1e3}, seed=1, ideal=False)
            told.append(np.mean(board.ask("2", 1, 4, 4)))
        # through the switch flows the current of four cells
        assert told == [pytest.approx(1200, rel=3e-3), pytest.approx(1000, rel=3e-3)]

    def test_the_noise_becomes_less_with_averaging_and_follows_the_seed(self) -> None:
        spread = []
        for cycles in (1, 100):
            board = Bare(ideal=False, rows=32, columns=32, seed=3)
            board.send("0", cycles, 32, 32, 2, 0, 0, 0.5)
            spread.append(np.std(board.ask("2", 1, 32, 32)))
        assert spread[0] / spread[1] == pytest.approx(10, rel=0.15)
        once, again = (Bare(ideal=False, seed=4).ask("1", 1, 1) for _ in range(2))
        assert once == again != Bare(ideal=False, seed=5).ask("1", 1, 1)

    def test_take_their_time(self) -> None:
        board = Bare()
        before_s = board.lab.now_s()
        board.ask("1", 1, 1)
        assert board.lab.now_s() - before_s == pytest.approx(30 * 100e-6 + 100e-6, rel=1e-3)

    def test_over_range(self) -> None:
        board = Bare()
        board.instrument.troubles.add("over-range")
        assert board.ask("1", 1, 1) == [unconfirmed.SMALLEST_OHM]


class TestPulses:
    def test_pulse_and_read_and_pulse_what_is_selected(self) -> None:
        board = Bare()
        assert board.ask("3", 2, 3, "1.500000", "0.000100") == [10_000.0]
        assert board.send("02", 4, 1, "04", "-1.000000", "0.001000") == b""
        assert board.pulses() == [(6, 1.5, 1e-4), (12, -1.0, 1e-3)]

    def test_the_board_ends_at_its_supply(self) -> None:
        board = Bare()
        board.send("3", 1, 1, 100.0, 1e-3)
        assert board.pulses() == [(0, unconfirmed.MOST_V, 1e-3)]

    def test_a_width_of_0_is_no_pulse(self) -> None:
        board = Bare()
        assert board.ask("3", 1, 1, 1.0, "0.000000") == [10_000.0]
        assert board.pulses() == []

    @pytest.mark.parametrize(
        ("sneak_path", "parts"),
        [
            (0, [[1, 1 / 3, 1 / 3], [1 / 3, -1 / 3, -1 / 3]]),
            (1, [[1, 1 / 2, 1 / 2], [1 / 2, 0, 0]]),
            (256, [[1, 1 / 4, 1 / 4], [1 / 2, -1 / 4, -1 / 4]]),
        ],
    )
    def test_what_cells_see_that_are_not_selected(
        self, sneak_path: int, parts: list[list[float]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        board = Bare(rows=2, columns=3, sneak_path=sneak_path)
        seen = np.zeros(6)
        play = board.lab.model.play

        def note(state, cells, drive):
            seen[cells] = drive.stop_v[0]
            return play(state, cells, drive)

        monkeypatch.setattr(type(board.lab.model), "play", lambda _, *args: note(*args))
        board.send("02", 1, 1, "04", 3.0, 1e-3)
        assert seen.reshape(2, 3) / 3.0 == pytest.approx(np.array(parts))

    def test_cells_of_a_model_switch_where_they_are_pulsed(self) -> None:
        board = Bare("stanford-lab")
        before = board.ask("2", 1, 4, 4)
        board.send("3", 2, 2, 1.5, 1e-6)
        after = board.ask("2", 1, 4, 4)
        changed = [k for k in range(16) if after[k] != pytest.approx(before[k], rel=1e-2)]
        assert changed == [5]
        assert after[5] < before[5] / 10


class TestCurveTracer:
    def trace(self, *arguments: object, devices: tuple[int, ...] = (1, 1)) -> Bare:
        self.board = Bare()
        self.told = self.board.triplets("201", *arguments, len(devices) // 2, *devices)
        return self.board

    def test_goes_up_and_down_on_both_sides(self) -> None:
        self.trace(0.3, -0.2, 0.1, 0.1, 1e-3, 1e-3, 0, 0, 1, 0, 0, 0)
        levels = [0.1, 0.2, 0.3, 0.2, 0.1, -0.1, -0.2, -0.1]
        assert self.told == [*((BIASED_OHM, level_v, 0.001) for level_v in levels), END]

    @pytest.mark.parametrize(
        ("span", "levels"),
        [(1, [-0.1, -0.2, -0.1, 0.1, 0.2, 0.1]), (2, [0.1, 0.2, 0.1]), (3, [-0.1, -0.2, -0.1])],
    )
    def test_spans(self, span: int, levels: list[float]) -> None:
        self.trace(0.2, 0.2, 0.1, 0.1, 1e-3, 1e-3, 0, 0, 1, 1, span, 0)
        assert [level_v for _, level_v, _ in self.told[:-1]] == levels

    def test_cycles_and_devices_each_have_an_end(self) -> None:
        self.trace(0.1, 0.1, 0.1, 0.1, 1e-3, 0, 0, 0, 2, 0, 2, 0, devices=(1, 1, 2, 2))
        assert self.told == [(BIASED_OHM, 0.1, 0.001), END] * 4
        assert {e.what["cell"] for e in self.board.waveforms()} == {0, 5}

    @pytest.mark.parametrize(("halts", "levels"), [(0, [0.1, 0.2, 0.1]), (1, [0.1, 0.2])])
    def test_a_cut_off_turns_back_or_ends_it(self, halts: int, levels: list[float]) -> None:
        self.trace(0.5, 0.5, 0.1, 0.1, 1e-3, 1e-3, "0.000030", "-0.000030", 1, 0, 2, halts)
        assert [level_v for _, level_v, _ in self.told[:-1]] == levels

    def test_only_a_staircase_stays_between_steps(self) -> None:
        for kind, first in ((0, 0.1), (1, 0.0)):
            board = self.trace(0.2, 0.2, 0.1, 0.1, 1e-3, 1e-3, 0, 0, 1, kind, 2, 0)
            rises = [e.signal for e in board.waveforms() if e.signal and e.signal.stop_v[0] > 0.15]
            assert rises[0].start_v[0] == first
            last = board.waveforms()[-1].signal
            assert last is not None
            assert last.stop_v[-1] == 0.0


class TestOtherJobs:
    def test_form_finder_goes_through_widths_then_voltages(self) -> None:
        board = Bare()
        told = board.triplets(
            "141", 1.0, 0.5, 1.5, 1e-4, 100, 4e-4, 1e-3, 1.0, 0.0, 0, 7, 1, 1, 1, 1
        )
        assert told[0] == (10_000.0, 0.5, 0.0)
        widths = [1e-4, 2e-4, 4e-4]
        assert [t[1:] for t in told[1:-1]] == [(v, w) for v in (1.0, 1.5) for w in widths]
        assert told[-1] == END
        assert [p[1:] for p in board.pulses()] == [t[1:] for t in told[1:-1]]

    def test_form_finder_ends_where_it_is_formed(self) -> None:
        told = Bare().triplets("141", 1, 1, 5, 1e-4, 0, 1e-4, 0, 2e4, 0, 0, 7, 1, 1, 1, 1)
        assert told == [(10_000.0, 0.5, 0.0), END]

    def test_form_finder_may_have_a_resistor(self) -> None:
        tokens = ("141", 2, 1, 2, 1e-4, 0, 1e-4, 0, 1, 0, 0)
        kept = [Bare("stanford-lab", rows=1, columns=1).triplets(*tokens, series, 1, 1, 1, 1)[1][0]
                for series in (7, 4)]  # fmt: skip
        assert kept[1] > 3 * kept[0]

    def test_endurance_goes_to_and_fro(self) -> None:
        told = Bare().triplets("191", 1, 1e-4, 0, -2, 2e-4, 0, 1e-3, 2, 1, 2, 1, 1, 1)
        cycle = [(10_000.0, 1.0, 1e-4)] * 2 + [(10_000.0, -2.0, 2e-4)]
        assert told == [*cycle, *cycle, END]

    def test_chronoamperometry_reads_under_one_bias(self) -> None:
        board = Bare()
        before_s = board.lab.now_s()
        told = board.triplets("220", 0.5, 1.0, 4, 1, 1, 1)
        assert told == [(BIASED_OHM, 0.5, 1.0)] * 4 + [END]
        assert board.lab.now_s() - before_s == pytest.approx(1.0, abs=1e-3)
        levels = [e.signal.start_v[0] for e in board.waveforms() if e.signal]
        assert levels == [0.0, 0.5, 0.5, 0.5, 0.5]

    def test_converge_reaches_its_target(self) -> None:
        board = Bare("stanford-lab", rows=1, columns=1)
        (formed_ohm,) = board.ask("3", 1, 1, 1.5, 1e-5)
        target_ohm = 3 * formed_ohm
        told = board.triplets(
            "21", 0.5, 0.02, 3, 1e-6, 0, 1e-6, 1e-4, target_ohm, 30, 5, 1, -1, 1, 1, 1
        )
        assert told[-1] == END
        assert told[-2][0] == pytest.approx(target_ohm, rel=0.3)
        assert told[1][1] == -0.5

    @pytest.mark.parametrize("job", ["15", "152"])
    def test_switch_seeker_finds_both_thresholds(self, job: str) -> None:
        board = Bare("stanford-lab", rows=1, columns=1)
        told = board.triplets(job, 1e-6, 0.5, 0.25, 3, 1e-4, 1e6, 2, 1, 1, 50, 1, 0, 1, 1, 1)
        assert told[-1] == END
        pulses = [t for t in told if t[2] > 0]
        assert min(t[1] for t in pulses) < -0.4
        resistances = [t[0] for t in told[:-1]]
        assert max(resistances) > 5 * min(resistances)

    def test_multi_bias_sums_currents(self) -> None:
        board = Bare()
        told = board.triplets("50", 1, 1e-4, 0.4, 3, 2, 1, 1, 2, 4)
        assert told == [(3333.33, 0.4, 0.0)]
        board.ask("1", 1, 1)
        levels = [event.signal.stop_v[0] for event in board.waveforms() if event.signal]
        assert levels == [0.4, 0.5]

    def test_multi_bias_writes_some_words_at_once(self) -> None:
        board = Bare("stanford-lab", sneak_path=1)
        told = board.triplets("50", 1.5, 1e-5, 0.1, 2, 1, 2, 1, 3)
        assert len(told) == 8
        ratio = [told[k][0] / told[4 + k][0] for k in range(4)]
        assert min(ratio[0], ratio[2]) > 10 > max(ratio[1], ratio[3])


def test_too_large_an_array_is_refused() -> None:
    with pytest.raises(ConfigError, match="33 x 1"):
        Bare(rows=33, columns=1)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="instrument board, options"):
        Bare(idael=True)


class TestNonsense:
    numbers = st.one_of(st.integers(-3, 40), st.floats(-20, 20)).map(str)
    jobs = st.sampled_from(["00", "0", "01", "02", "04", "1", "2", "3", "50", "999"])

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.one_of(numbers, jobs, st.text(max_size=6)), max_size=30))
    def test_never_breaks_the_board(self, tokens: list[str]) -> None:
        board = Bare(rows=2, columns=2)
        for token in tokens:
            answer = board.instrument.handle(token.encode("utf-8"))
            assert answer is None or isinstance(answer, bytes)

    @pytest.mark.parametrize("job", ["201", "141", "21", "191", "220", "15", "152"])
    @settings(max_examples=8)
    @given(data=st.data())
    def test_every_job_ends(self, job: str, data: st.DataObject) -> None:
        board = Bare(rows=1, columns=1)
        most, unconfirmed.MOST_TRIPLETS = unconfirmed.MOST_TRIPLETS, 200
        count = {"191": 10, "220": 3}.get(job, 12)
        arguments = data.draw(st.lists(self.numbers, min_size=count, max_size=count))
        try:
            told = board.triplets(job, *arguments, 1, 1, 1)
        finally:
            unconfirmed.MOST_TRIPLETS = most
        assert told[-1] == END
        assert board.send("999") != b""
