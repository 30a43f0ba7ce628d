"""Numbers as text that keep every digit that matters, or raise."""

import math
from collections.abc import Iterable
from decimal import Decimal
from numbers import Integral

from hil.errors import ConfigError

NOISE = 1e-12  # relative: what arithmetic leaves behind, such as 3 * 0.1 = 0.30000000000000004


def exact(value: float, longest: int = 12, exponent_digits: int = 2) -> str:
    """Write a number with all digits that matter and not one more.

    The text has the fewest digits that give *value* to within 1e-12 (relative), written plainly
    or with an exponent, whichever is shorter (plainly if both are equal). An integer keeps all
    its digits and is written plainly whenever it fits. Nothing is ever rounded to fit.

    Parameters
    ----------
    value
        Any finite number; a negative zero is zero.
    longest
        How many characters the instrument takes, sign, point and exponent included: 12 on a
        4200A (KXCI Programming manual 4200A-KXCI-907-01).
    exponent_digits
        How many digits its exponents may have.

    Raises
    ------
    ConfigError
        The number is not finite, or does not fit; the message says what would.

    Examples
    --------
    >>> exact(3 * 0.1), exact(500e-9), exact(-1.25e-05), exact(1000)
    ('0.3', '5e-7', '-1.25e-5', '1000')
    """
    if type(value) is not float and isinstance(value, Integral):
        text = str(int(value))
        if len(text) <= longest:
            return text
        sign, digits = text[: text[0] == "-"], text.lstrip("-")
        scientific = f"{sign}{digits[0]}.{digits[1:]}e{len(digits) - 1}"
    elif value == 0:
        return "0"
    elif math.isfinite(value):
        scientific = _enough(value)
    else:
        raise ConfigError(f"{value} is no number that an instrument can be sent")
    text = _shortest(scientific, longest, exponent_digits)
    if not text:
        raise ConfigError(
            f"{value!r} does not fit in {longest} characters with {exponent_digits} digits of "
            f"exponent; {_advice(value, longest, exponent_digits)}"
        )
    return text


def exact_list(values: Iterable[float], longest: int = 12, exponent_digits: int = 2) -> list[str]:
    """Write many numbers, as `exact` does; one that comes again costs almost nothing.

    Raises
    ------
    ConfigError
        One of them is not finite or does not fit.
    """
    numbers = values.tolist() if hasattr(values, "tolist") else list(values)
    texts = {number: exact(number, longest, exponent_digits) for number in set(numbers)}
    return [texts[number] for number in numbers]


def _enough(value: float) -> str:
    """Write *value* as d.ddde+xx with as many digits as matter; zeros may follow."""
    # wherever 11 digits or fewer are enough, the nearest of 11 digits is them and zeros
    scientific = f"{value:.10e}"
    for decimals in (11, 12):
        if abs(float(scientific) - value) <= NOISE * abs(value):
            break
        scientific = f"{value:.{decimals}e}"
    return scientific


def _shortest(scientific: str, longest: int, exponent_digits: int) -> str:
    """Rewrite d.ddde+xx as short as it gets; empty if nothing fits."""
    mantissa, _, power = scientific.partition("e")
    sign = "-" if mantissa[0] == "-" else ""
    digits = mantissa.lstrip("-").replace(".", "").rstrip("0")
    exponent, biggest = int(power), 10**exponent_digits
    if -longest < exponent < longest:
        plain = sign + _plain(digits, exponent)
        if len(plain) <= min(longest, len(sign) + len(digits) + 2):
            return plain  # nothing with an exponent is shorter than that
    else:
        plain = ""
    point = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    text = f"{sign}{point}e{exponent}"
    if len(text) <= longest and abs(exponent) < biggest:
        return plain if 0 < len(plain) <= len(text) else text
    if 0 < len(plain) <= longest:
        return plain
    exponent -= len(digits) - 1  # a mantissa without a point reads badly: only where it alone fits
    text = f"{sign}{digits}e{exponent}"
    return text if len(text) <= longest and abs(exponent) < biggest else ""


def _plain(digits: str, exponent: int) -> str:
    """Write digits without an exponent."""
    if exponent < 0:
        return f"0.{'0' * (-exponent - 1)}{digits}"
    if len(digits) <= exponent + 1:
        return digits + "0" * (exponent + 1 - len(digits))
    return f"{digits[: exponent + 1]}.{digits[exponent + 1 :]}"


def _advice(value: float, longest: int, exponent_digits: int) -> str:
    """Say what would fit in the place of *value*."""
    for digits in range(longest, 0, -1):
        if text := _shortest(f"{Decimal(value):.{digits - 1}e}", longest, exponent_digits):
            return f"round it to {text}"
    return "its size is out of the instrument's range"
