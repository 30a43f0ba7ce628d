"""What a channel of a 2600B is told before its output is on: ranges, compliance, aperture.

Commands: reference manual 2600BS-901-01, section 7 (smuX.source, smuX.measure).
"""

from hil.drivers.metering import text
from hil.drivers.roles import SourceSettings


def setting_lines(smu: str, held: SourceSettings, line_hz: float) -> tuple[str, ...]:
    """Say the settings in Lua; the range is changed at 0 V."""
    return (
        f"{smu}.source.levelv = 0",
        f"{smu}.source.func = {smu}.OUTPUT_DCVOLTS",
        f"{smu}.sense = {smu}.SENSE_LOCAL",
        f"{smu}.source.autorangev = {smu}.AUTORANGE_OFF",
        f"{smu}.source.rangev = {text(held.range_v)}",
        f"{smu}.source.limiti = {text(held.limit_a)}",
        f"{smu}.measure.autorangei = {smu}.AUTORANGE_OFF",
        f"{smu}.measure.rangei = {text(held.range_a)}",
        f"{smu}.measure.nplc = {text(held.aperture_s * line_hz)}",
        f"{smu}.measure.filter.enable = {smu}.FILTER_OFF",
        f"{smu}.measure.autozero = {smu}.AUTOZERO_ONCE",
    )


def held_values(smu: str, held: SourceSettings, line_hz: float) -> dict[str, float]:
    """Say what the instrument must hold then, by expression."""
    return {
        f"{smu}.source.func": 1,
        f"{smu}.source.levelv": 0,
        f"{smu}.source.autorangev": 0,
        f"{smu}.source.rangev": held.range_v,
        f"{smu}.source.limiti": held.limit_a,
        f"{smu}.measure.autorangei": 0,
        f"{smu}.measure.rangei": held.range_a,
        f"{smu}.measure.nplc": held.aperture_s * line_hz,
    }
