"""Behavioural netlists of the device models for ngspice, a simulator by somebody else.

The state is the voltage of a capacitor of 1 F into which a source drives its rate; the circuit
solver finds the algebraic loop. Numbers are folded here, not there: in an expression of a source
``e`` is Euler's constant whatever a parameter says, and a quotient gets 1e-20 gmin added to its
divisor, which swallows products of physical constants. Expressions are guarded, because the first
iterations of UIC see 0 V everywhere.
"""

import math
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.constants import Boltzmann, elementary_charge

from tests.simulators.models.jart_reference import CONSTANTS, Floats, Jart, Point

needs_ngspice = pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is missing")

CIRCUIT = """* a device on a source
Vin p 0 PWL({pwl})
Vm p q 0
{device}
.options method=gear trtol=1 reltol={reltol!r} abstol=1e-15 vntol=1e-9 chgtol=1e-20 gmin=1e-18
+ itl4=100
.control
set numdgt=15
tran {step!r} {stop!r} 0 {step!r} uic
wrdata {out} v(p) i(Vm) v(x)
quit
.endc
.end
"""

JART = """
Bser q d V=i(Vm)*({ohm!r}+{cubic!r}*i(Vm)*i(Vm))
Bbulk d s V=i(Vm)*({disc!r}/V(n)+{plug!r})
Bs s 0 I=V(s)>0 ? {over!r}*V(t)*V(t)*exp(-V(bar)/V(kt))*(exp(min(min(V(s),0.0795)/V(kt),40))-1)
+ : -{through!r}*V(t)*sqrt(max(1e-12,V(w)*(max(0,-V(s))+V(bar)/cosh(min(V(u),40))^2)))
+ *exp(-V(bar)*tanh(V(u))/V(w))*(exp(min(max(0,-V(s))*(V(u)-tanh(V(u)))/V(w),40))-1)
Bn n 0 V=exp(min(max(V(x),{low!r}),{high!r}))
Bt t 0 V=max(293,293+i(Vm)*V(d)*{rth!r}*(V(p)>0 ? 0.27 : 1))
Bkt kt 0 V=max(0.02,{kq!r}*V(t))
Bbar bar 0 V=max(0,0.18-sqrt(sqrt(max(1e-12,{lowering!r}*V(n)*(0.08-min(V(s),0.0795))))))
Bw w 0 V=max(1e-3,{tunnel!r}*sqrt(max(V(n),1e-3)))
Bu u 0 V=V(w)/V(kt)
Bg g 0 V={hop!r}*(V(p)>0 ? V(d)/3e-9 : i(Vm)*{disc!r}/V(n)/0.4e-9)
Bm m 0 V=1.35*(sqrt(max(1e-6,1-V(g)*V(g)))+V(g)*asin(min(max(V(g),-1),1)))
Bh h 0 V=exp(min(40,({half!r}*V(g)-V(m))/V(kt)))-exp(min(40,(-{half!r}*V(g)-V(m))/V(kt)))
Bf f 0 V={bounds}
Bx 0 x I=-(20+V(n))/V(n)*{attempts!r}*V(f)*V(h)
Cx x 0 1 IC={start!r}
"""

STANFORD = """
Rs q d {ohm!r}
Bi d 0 I=0.5e-3*(exp(min((V(d)-V(x))/0.25,40))-exp(min((-V(d)-V(x))/0.25,40)))
Bkt kt 0 V={kq!r}*(298+2.1e3*abs(V(d)*i(Vm)))
Bm m 0 V=16-0.8*V(x)*V(x)*V(x)
Bf f 0 V=min(1,max(0,(V(m)*abs(V(d))/12-{f_min!r})/{width!r}+0.5))
Bh h 0 V=V(m)*V(f)*0.25/12*V(d)
Br r 0 V=5e9*(exp(min((V(h)-0.6)/max(V(kt),0.02),40))-exp(min((-V(h)-0.6)/max(V(kt),0.02),40)))
Bx 0 x I=V(r)>0 ? -V(r)*min(1,max(0,(V(x)-0.2)/1e-3))
+ : -V(r)*min(1,max(0,(1.7-V(x))/1e-3))
Cx x 0 1 IC={start!r}
"""

JART_FLIM = "V(p)>0 ? 1-(0.008/V(n))^10 : 1-(V(n)/20)^10"
JART_STOPS = """V(p)>0 ? min(1,max(0,(V(x)-log(0.008))/1e-3))
+ : min(1,max(0,(log(20)-V(x))/1e-3))"""


class Trace(NamedTuple):
    """What ngspice says at its own time steps; state is ln N, or the gap in nm."""

    time_s: Floats
    source_v: Floats
    current_a: Floats
    state: Floats

    def current_at(self, time_s: Floats) -> Floats:
        """Interpolate the current in time."""
        return np.interp(time_s, self.time_s, self.current_a)

    def state_at(self, time_s: Floats) -> Floats:
        """Interpolate the state in time."""
        return np.interp(time_s, self.time_s, self.state)


def run(device: str, points: Sequence[Point], folder: Path, steps: int, reltol: float) -> Trace:
    """Simulate a device of this module along straight lines between (time, voltage) points."""
    netlist, out = folder / "circuit.cir", folder / "out.txt"
    stop_s = points[-1][0]
    pwl = " ".join(f"{time_s!r} {voltage_v!r}" for time_s, voltage_v in points)
    netlist.write_text(
        CIRCUIT.format(
            device=device, pwl=pwl, reltol=reltol, step=stop_s / steps, stop=stop_s, out=out
        )
    )
    subprocess.run(["ngspice", "-b", netlist], capture_output=True, check=True, timeout=50)
    time_s, source_v, _, current_a, _, state = np.loadtxt(out).T
    assert time_s[-1] == pytest.approx(stop_s, rel=1e-9)
    return Trace(time_s, source_v, current_a, state)


def jart(cell: Jart, n: float) -> str:
    """Write the netlist of the reference's cell, from its equations again."""
    e, k, h, eps0, mass, pi = CONSTANTS[cell.constants]
    area = pi * 45e-9**2
    rho = 1 / (1e26 * 2 * e * 4e-6 * area)
    return JART.format(
        ohm=650 + 719.2437 + cell.source_ohm,
        cubic=719.2437**2 * 3.92e-3 * 90471.47,
        disc=0.4e-9 * rho,
        plug=2.6e-9 * rho / 20,
        over=area * 6.01e5,
        through=area * 6.01e5 / k * e * math.sqrt(pi),
        low=math.log(0.004),
        high=math.log(22),
        rth=cell.rth0,
        kq=k / e,
        lowering=e**3 * 2e26 / (8 * pi**2 * (5.5 * eps0) ** 3),
        tunnel=h / (4 * pi) * math.sqrt(2e26 / (mass * 17 * eps0)),
        hop=2 * 0.25e-9 / (pi * 1.35),
        half=1.35 * pi / 2,
        bounds=JART_FLIM if cell.flim else JART_STOPS,
        attempts=0.25e-9 * 2e13 / 0.4e-9 / 2,
        start=math.log(n),
    )


def stanford(
    gap_m: float, f_min_v_per_m: float, source_ohm: float, width_v_per_m: float = 1e5
) -> str:
    """Write the netlist of Stanford-PKU v1.0.0 with the published defaults, on a load line.

    A circuit solver cannot follow a rate that jumps: it rises from nothing over width_v_per_m.
    """
    return STANFORD.format(
        ohm=source_ohm,
        kq=Boltzmann / elementary_charge,
        f_min=f_min_v_per_m * 1e-9,
        width=width_v_per_m * 1e-9,
        start=gap_m * 1e9,
    )
