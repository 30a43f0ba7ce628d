"""Pictures for the network: MNIST from a folder of idx files, or scikit-learn's digits."""

import gzip
import struct
import zlib
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hil.errors import ConfigError
from hil.export import needed

Bytes = NDArray[np.uint8]

MEAN, STANDARD_DEVIATION = 0.1307, 0.3081
"""Of all pixels (0 to 1) of MNIST's 60,000 training pictures.

Yousuf 2023, section II.C, has 0.3801; the pictures themselves give 0.13066 and 0.30811.
"""

_CLASSES = 10
_IMAGES, _LABELS = 0x803, 0x801
_HOW = (
    "put the four idx files of MNIST (train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
    "t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz) into one folder and name that; they "
    "are not shipped, and are found on the web under these names"
)


@dataclass(frozen=True, eq=False)
class Images:
    """Pictures and what they show.

    Attributes
    ----------
    train_x, test_x : (pictures, rows, columns) uint8
        Brightness of each pixel.
    train_y, test_y : (pictures,) uint8
        The digit shown, 0 to 9.
    """

    train_x: Bytes
    train_y: Bytes
    test_x: Bytes
    test_y: Bytes


@dataclass(frozen=True, eq=False)
class Prepared:
    """Pictures as the network sees them.

    Attributes
    ----------
    train_x, test_x : (pictures, inputs) float32
        Pixels of the cropped pictures, shifted and scaled.
    train_y, test_y : (pictures,) int64
        The digit shown.
    """

    train_x: NDArray[np.float32]
    train_y: NDArray[np.int64]
    test_x: NDArray[np.float32]
    test_y: NDArray[np.int64]


def load_images(folder: Path | str) -> Images:
    """Read MNIST, or anything in its format, from a folder.

    The format is that of Y. LeCun's pages: big-endian, a magic number (0x803 for pictures, 0x801
    for labels), the size of each dimension, then bytes.

    Parameters
    ----------
    folder : path
        Holds the four idx files, gzipped or not, under their usual names
        (``train-images-idx3-ubyte`` or ``train-images.idx3-ubyte``).

    Raises
    ------
    ConfigError
        For a folder or file that is missing or damaged, and for files that do not fit together.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder} with pictures; {_HOW}")
    train_x, train_y = _read_set(folder, "train")
    test_x, test_y = _read_set(folder, "t10k")
    if train_x.shape[1:] != test_x.shape[1:]:
        raise ConfigError(
            f"{folder}: pictures to train on have {train_x.shape[1:]} pixels, those to test with "
            f"{test_x.shape[1:]}; take both from one set"
        )
    return Images(train_x, train_y, test_x, test_y)


def digits() -> Images:
    """Give the 1,797 digits of 8 x 8 pixels that come with scikit-learn, a fifth to test with.

    They are the test set of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten
    Digits", UCI Machine Learning Repository (1998). Brightness 0 to 16 becomes 0 to 255.

    Raises
    ------
    MissingExtra
        Without scikit-learn.
    """
    loaded = needed("sklearn.datasets", "learn").load_digits()
    order = np.random.default_rng(0).permutation(len(loaded.target))
    pixels = np.round(loaded.images[order] * (255 / 16)).astype(np.uint8)
    labels = loaded.target[order].astype(np.uint8)
    test = len(labels) // 5
    return Images(pixels[test:], labels[test:], pixels[:test], labels[:test])


def prepared(
    images: Images,
    crop: int = 18,
    mean: float = MEAN,
    standard_deviation: float = STANDARD_DEVIATION,
) -> Prepared:
    """Crop pictures to their centre, shift and scale them (Yousuf 2023, section II.C).

    Parameters
    ----------
    images : Images
        The pictures.
    crop : int
        Rows and columns that stay. 18 x 18 are the 324 inputs of the paper, whose text says
        20 x 20.
    mean, standard_deviation : float
        What is subtracted from a brightness of 0 to 1, and what it is then divided by.

    Raises
    ------
    ConfigError
        For a crop that is larger than the pictures.
    """
    rows, columns = images.train_x.shape[1:]
    if not 1 <= crop <= min(rows, columns):
        raise ConfigError(
            f"crop {crop} does not fit pictures of {rows} x {columns} pixels; "
            f"choose 1 to {min(rows, columns)}"
        )
    top, left = (rows - crop) // 2, (columns - crop) // 2
    scale = np.float32(1 / (255 * standard_deviation))
    shift = np.float32(mean / standard_deviation)

    def flat(pixels: Bytes) -> NDArray[np.float32]:
        cut = pixels[:, top : top + crop, left : left + crop]
        values = cut.reshape(len(cut), crop * crop).astype(np.float32)
        values *= scale
        values -= shift
        return values

    return Prepared(
        flat(images.train_x), images.train_y.astype(np.int64),
        flat(images.test_x), images.test_y.astype(np.int64),
    )  # fmt: skip


def _read_set(folder: Path, name: str) -> tuple[Bytes, Bytes]:
    pixels = _read_idx(_find(folder, f"{name}-images", "idx3"), _IMAGES)
    path = _find(folder, f"{name}-labels", "idx1")
    labels = _read_idx(path, _LABELS)
    if len(pixels) != len(labels):
        raise ConfigError(
            f"{folder} has {len(pixels)} pictures and {len(labels)} labels in {name}; "
            "take both files from one set"
        )
    if labels.max() >= _CLASSES:
        raise ConfigError(f"{path} has the label {labels.max()}; the network knows 0 to 9")
    return pixels, labels


def _find(folder: Path, stem: str, kind: str) -> Path:
    names = [f"{stem}{mark}{kind}-ubyte{end}" for end in ("", ".gz") for mark in "-."]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise ConfigError(f"{folder} has no {names[0]}, with or without .gz; {_HOW}")


def _read_idx(path: Path, magic: int) -> Bytes:
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not zipped:
                return _parsed(raw, magic, path)
            with gzip.open(raw) as file:
                return _parsed(file, magic, path)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ConfigError(f"{path} is cut off or damaged: {error}; fetch it again") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _parsed(file: BufferedIOBase, magic: int, path: Path) -> Bytes:
    dimensions = magic & 0xFF
    head = file.read(4 * (1 + dimensions))
    if len(head) < 4 * (1 + dimensions) or struct.unpack_from(">I", head)[0] != magic:
        raise ConfigError(
            f"{path} is not an idx file of {'pictures' if magic == _IMAGES else 'labels'}: it "
            f"begins with {head[:4].hex() or 'nothing'} where 0x{magic:08x} is due"
        )
    shape = struct.unpack_from(f">{dimensions}I", head, 4)
    size = int(np.prod(shape, dtype=object))
    data = file.read(size)
    if size == 0 or len(data) < size or file.read(1):
        raise ConfigError(
            f"{path} announces {' x '.join(map(str, shape))} bytes and has "
            f"{'more' if size and len(data) == size else len(data)}; fetch it again"
        )
    return np.frombuffer(data, np.uint8).reshape(shape)
