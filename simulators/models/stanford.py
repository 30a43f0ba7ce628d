"""The Stanford-PKU RRAM model v1.0.0: one gap, SET at positive voltage."""

import math
from typing import ClassVar

import numpy as np

from hil.simulators.models.model import Model, Terminal, make_key
from hil.simulators.models.stanford_kernel import Law, Noise, walk


class Stanford(Model, frozen=True, kw_only=True, forbid_unknown_fields=True):
    i0_a: float = 1e-3
    g0_m: float = 0.25e-9
    v0_v: float = 0.25
    vel0_m_per_s: float = 10.0
    gamma0: float = 16.0
    beta: float = 0.8
    ea_ev: float = 0.6
    a0_m: float = 0.25e-9
    t_ini_k: float = 298.0
    f_min_v_per_m: float = 1.4e9
    gap_min_m: float = 0.2e-9
    gap_max_m: float = 1.7e-9
    initial_gap_m: float = 1.7e-9
    rth_k_per_w: float = 2.1e3
    tox_m: float = 12e-9
    delta_gap0_m_per_s: float = 0.0
    noise_step_s: float = 1e-9
    noise_grid_m: float = 1e-11
    t_crit_k: float = 450.0
    t_smth_k: float = 500.0
    gap_tolerance_m: float = 1e-13
    state_dtype: ClassVar = np.dtype(
        [("gap_m", np.float64), ("key", np.uint64), ("draws", np.int64)]
    )
    sets_at: ClassVar[int] = 1

    def initial_state(self, cells, rng):
        state = np.zeros(cells, self.state_dtype)
        state["gap_m"] = self.initial_gap_m
        state["key"] = make_key(cells, rng)
        return state

    def current_a(self, state, voltage_v):
        return 0

    def play(self, state, cells, drive):
        shape = (drive.readings, len(cells))
        terminal = Terminal(np.zeros(shape), np.zeros(shape), np.zeros(shape, bool))
        walk(
            self._law(drive),
            (self.gamma0, self.gamma0),
            self._noise(),
            state["gap_m"],
            state["key"],
            state["draws"],
            cells,
            drive.duration_s,
            drive.start_v,
            drive.stop_v,
            drive.measured,
            drive.units,
            *terminal,
        )
        return terminal

    def _noise(self):
        return Noise(
            self.delta_gap0_m_per_s * math.sqrt(self.noise_step_s),
            self.noise_grid_m,
            self.t_crit_k,
            self.t_smth_k,
        )

    def _law(self, drive):
        return Law(
            self.i0_a,
            1 / self.g0_m,
            self.v0_v,
            self.vel0_m_per_s,
            self.beta,
            self.ea_ev,
            self.a0_m / self.tox_m,
            self.f_min_v_per_m * self.tox_m,
            self.t_ini_k,
            self.rth_k_per_w,
            self.gap_min_m,
            self.gap_max_m,
            float(drive.source_ohm),
            float(drive.limit_a),
            self.gap_tolerance_m,
            min((self.gap_tolerance_m * 5e9 / 6e-6) ** 0.2, 3.0),
            min(1.65 * (self.gap_tolerance_m * 5e9 / 1e-6) ** 0.1, 4.0),
        )
