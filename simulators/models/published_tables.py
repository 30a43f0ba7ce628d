"""Jump tables as they are published: three text files a table, numbers apart by blanks or commas.

XBTorch (github.com/ADAM-Lab-GW/xbtorch, BSD-3-Clause), the library of Yousuf et al., IEEE JETCAS
13(1) 382-394 (2023), keeps a table as ``NAME_axis_level_G.txt`` (conductances G),
``NAME_axis_level_dG.txt`` (steps dG) and ``NAME_cdf.txt`` (a row for each G: the probability of a
step up to each dG), all in siemens. A table of a model file may name them in the place of numbers,
relative to the file's folder::

    [[parameters.tables]]
    voltage_v = 1.5
    published = "xbtorch/optuna_exp_1.5V_set"
"""

from pathlib import Path
from typing import Any

import numpy as np

from hil.errors import ConfigError
from hil.simulators.models.drive import Floats

_LARGEST_S = 0.1
"""A conductance above this is taken for one that is not in siemens."""


def read_published(prefix: Path | str, voltage_v: float) -> dict[str, Any]:
    """Read one table from its three files.

    Parameters
    ----------
    prefix : path
        Folder and beginning of the names, such as ``xbtorch/optuna_exp_1.5V_set``.
    voltage_v : float
        Amplitude at the cell (V), with its sign; the files do not tell it.

    Returns
    -------
    dict
        An entry of the parameter ``tables`` of the model ``jump-table``.

    Raises
    ------
    ConfigError
        For a file that is missing, holds something else than numbers or is not in siemens.
    """
    conductance_s = _numbers(Path(f"{prefix}_axis_level_G.txt")).ravel()
    step_s = _numbers(Path(f"{prefix}_axis_level_dG.txt")).ravel()
    if conductance_s.max() > _LARGEST_S:
        raise ConfigError(
            f"{prefix}_axis_level_G.txt goes up to {conductance_s.max():g}; "
            "write conductances and steps in siemens"
        )
    return {
        "voltage_v": voltage_v,
        "conductance_s": conductance_s.tolist(),
        "step_s": step_s.tolist(),
        "cdf": _numbers(Path(f"{prefix}_cdf.txt")).tolist(),
    }


def inlined(parameters: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Put numbers in the place of ``published`` in the tables among a model's parameters.

    Parameters
    ----------
    parameters : dict
        As in a model file; returned as they are if no table names files.
    folder : Path
        Where relative names begin.

    Raises
    ------
    ConfigError
        As `read_published`, and for a table with files and anything else than its voltage_v.
    """
    tables = parameters.get("tables")
    if not isinstance(tables, list | tuple):
        return parameters
    return {**parameters, "tables": [_inlined(table, folder) for table in tables]}


def _inlined(table: Any, folder: Path) -> Any:
    if not isinstance(table, dict) or "published" not in table:
        return table
    if set(table) != {"published", "voltage_v"}:
        raise ConfigError(
            f"the table published = {table['published']!r} must have voltage_v and nothing else"
        )
    return read_published(folder / table["published"], table["voltage_v"])


def _numbers(path: Path) -> Floats:
    """Read rows of numbers, all of one length."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text file") from error
    try:
        rows = [[float(x) for x in line.replace(",", " ").split()] for line in lines]
        return np.array([row for row in rows if row]).reshape(sum(map(bool, rows)), -1)
    except ValueError as error:
        raise ConfigError(f"{path} must hold rows of numbers, all of one length") from error
