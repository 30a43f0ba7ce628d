"""Pictures: idx files in and out of gzip, and what is said of those that are damaged."""

import gzip
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from hil.errors import ConfigError, MissingExtra
from hil.protocols.jump_table.bias.images import Images, digits, load_images, prepared

RNG = np.random.default_rng(1)
PIXELS = RNG.integers(0, 256, (7, 6, 6), dtype=np.uint8)
LABELS = RNG.integers(0, 10, 7, dtype=np.uint8)


def idx(values: np.ndarray) -> bytes:
    head = struct.pack(">I", 0x800 + values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.tobytes()


def write(folder: Path, mark: str = "-", zipped: bool = True) -> Path:
    for name, values in (
        (f"train-images{mark}idx3-ubyte", PIXELS),
        (f"train-labels{mark}idx1-ubyte", LABELS),
        (f"t10k-images{mark}idx3-ubyte", PIXELS[:3]),
        (f"t10k-labels{mark}idx1-ubyte", LABELS[:3]),
    ):
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(values), mtime=0))
        else:
            (folder / name).write_bytes(idx(values))
    return folder


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("mark", ["-", "."])
def test_files_are_found_under_each_of_their_names(
    tmp_path: Path, mark: str, zipped: bool
) -> None:
    images = load_images(write(tmp_path, mark, zipped))
    np.testing.assert_array_equal(images.train_x, PIXELS)
    np.testing.assert_array_equal(images.train_y, LABELS)
    np.testing.assert_array_equal(images.test_x, PIXELS[:3])
    np.testing.assert_array_equal(images.test_y, LABELS[:3])


def test_what_is_missing_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no folder .*nowhere.*four idx files"):
        load_images(tmp_path / "nowhere")
    (write(tmp_path) / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ConfigError, match=r"no t10k-labels-idx1-ubyte, .*four idx files"):
        load_images(tmp_path)


IMAGES = "train-images-idx3-ubyte.gz"
ONE = "train-labels-idx1-ubyte.gz"
WRONG = LABELS.copy()
WRONG[2] = 11


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        (IMAGES, gzip.compress(idx(PIXELS), mtime=0)[:-40], "cut off or damaged"),
        (IMAGES, gzip.compress(idx(PIXELS), mtime=0)[:-6] + b"abcdef", "cut off or damaged"),
        (IMAGES, b"\x1f\x8b" + bytes(30), "cut off or damaged"),
        (IMAGES, gzip.compress(idx(PIXELS), mtime=0)[:10] + b"\xff" * 30, "cut off or damaged"),
        (
            IMAGES,
            gzip.compress(idx(PIXELS)[:-1], mtime=0),
            "announces 7 x 6 x 6 bytes and has 251",
        ),
        (
            IMAGES,
            gzip.compress(idx(PIXELS) + b"x", mtime=0),
            "announces 7 x 6 x 6 bytes and has more",
        ),
        (IMAGES, gzip.compress(idx(PIXELS[:0]), mtime=0), "announces 0 x 6 x 6 bytes and has 0"),
        (IMAGES, gzip.compress(idx(LABELS), mtime=0), "not an idx file of pictures.*00000801"),
        (IMAGES, b"", "begins with nothing"),
        (IMAGES, gzip.compress(idx(PIXELS[:5]), mtime=0), "5 pictures and 7 labels in train"),
        (
            IMAGES,
            gzip.compress(idx(PIXELS[:, :5]), mtime=0),
            "train on have .5, 6. pixels.*.6, 6.",
        ),
        (ONE, gzip.compress(idx(WRONG), mtime=0), "has the label 11"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    (write(tmp_path) / name).write_bytes(data)
    with pytest.raises(ConfigError, match=said):
        load_images(tmp_path)


def test_a_picture_is_cropped_to_its_centre_and_scaled() -> None:
    images = Images(PIXELS, LABELS, PIXELS[:3], LABELS[:3])
    seen = prepared(images, crop=3, mean=0.25, standard_deviation=0.5)
    assert (seen.train_x.shape, seen.test_x.shape) == ((7, 9), (3, 9))
    assert seen.train_x.dtype == np.float32
    expected = (PIXELS[:, 1:4, 1:4].reshape(7, 9) / 255 - 0.25) / 0.5
    np.testing.assert_allclose(seen.train_x, expected, atol=1e-6)
    np.testing.assert_array_equal(seen.train_y, LABELS)


@pytest.mark.parametrize("crop", [0, 7])
def test_a_crop_must_fit(crop: int) -> None:
    with pytest.raises(ConfigError, match="6 x 6 pixels; choose 1 to 6"):
        prepared(Images(PIXELS, LABELS, PIXELS, LABELS), crop=crop)


def test_digits_are_a_small_stand_in() -> None:
    images = digits()
    assert images.train_x.shape == (1438, 8, 8)
    assert images.test_x.shape == (359, 8, 8)
    assert (images.train_x.min(), images.train_x.max()) == (0, 255)
    assert set(images.test_y) == set(range(10))


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtra, match=r"sklearn.datasets.*hil-bench\[learn\]"):
        digits()


@pytest.mark.skipif("HIL_MNIST" not in os.environ, reason="HIL_MNIST names no folder of MNIST")
def test_mnist_has_the_mean_and_deviation_that_are_subtracted() -> None:
    images = load_images(os.environ["HIL_MNIST"])
    assert (len(images.train_x), len(images.test_x)) == (60_000, 10_000)
    assert images.train_x.mean() / 255 == pytest.approx(0.1307, abs=1e-4)
    assert images.train_x.std() / 255 == pytest.approx(0.3081, abs=1e-4)
