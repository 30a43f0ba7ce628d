"""Few bits: the format, both ways to round, and a scale of its own."""

from typing import Any

import pytest

from hil.protocols.jump_table.bias.quantise import fixed_point, own_fraction, scaled

torch = pytest.importorskip("torch")


def tensor(*values: float) -> Any:
    return torch.tensor(values, dtype=torch.float32)


def test_to_the_nearest_with_halves_to_even_and_ends_at_the_ends() -> None:
    """Six bits, five behind the point: multiples of 1/32 from -1 to 31/32."""
    given = tensor(0.49, 0.5, 1.5, 2.5, -0.5, -1.5, 31.4, 40, -32.4, -99) / 32
    expected = tensor(0, 0, 2, 2, 0, -2, 31, 31, -32, -32) / 32
    assert torch.equal(fixed_point(given, 6, 5), expected)
    assert float(given[7]) == 40 / 32  # what was given stays


def test_bits_behind_the_point_may_be_more_than_there_are_or_negative() -> None:
    assert torch.equal(fixed_point(tensor(0.012, 9.0), 4, 8), tensor(3, 7) / 256)
    assert torch.equal(fixed_point(tensor(13, -100), 4, -2), tensor(12, -32))


def test_rounding_at_random_keeps_the_mean() -> None:
    generator = torch.Generator().manual_seed(3)
    given = torch.full((40_000,), 0.3 / 32)
    rounded = fixed_point(given, 6, 5, generator=generator) * 32
    assert set(rounded.tolist()) == {0.0, 1.0}
    assert float(rounded.mean()) == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 40_000) ** 0.5)


@pytest.mark.parametrize(
    ("largest", "fraction"), [(1.0, 4), (31 / 32, 5), (0.97, 4), (3.1e-5, 19), (62.0, -1)]
)
def test_the_scale_of_a_tensor_is_the_finest_in_which_it_fits(
    largest: float, fraction: int
) -> None:
    x = tensor(-largest, largest / 3, 0)
    assert own_fraction(x, 6) == fraction
    assert largest * 2.0**fraction <= 31 < largest * 2.0 ** (fraction + 1)


def test_small_numbers_survive_with_their_own_scale() -> None:
    x = tensor(1e-6, -4e-6, 2e-7)
    rounded, fraction = scaled(x, 6)
    assert torch.allclose(rounded, x, atol=0.5 * 2.0**-fraction, rtol=0)
    assert (fixed_point(x, 6, 5) == 0).all()
    assert own_fraction(torch.zeros(3), 6) == 0
