"""Records for other programs: CSV, Parquet, netCDF."""

import csv
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from hil.errors import MissingExtra
from hil.protocol import Table
from hil.store import Header
from hil.whole_file import whole_file


def export_table(table: Table, header: Header, kind: str, path: Path) -> int:
    """Write records to a file; returns how many.

    The file appears whole or not at all.

    Raises
    ------
    MissingExtra
        If the format needs an extra that is not installed.
    StoreError
        If the file cannot be written.
    """
    with whole_file(path) as part:
        FORMATS[kind](table, header, part)
    return len(next(iter(table.values())))


def _write_csv(table: Table, _header: Header, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*(values.tolist() for values in table.values()), strict=True))


def _write_parquet(table: Table, header: Header, path: Path) -> None:
    pyarrow = needed("pyarrow", "export")
    parquet = needed("pyarrow.parquet", "export")
    about = {"hil": msgspec.json.encode(header)}
    parquet.write_table(pyarrow.table(table).replace_schema_metadata(about), path)


def _write_netcdf(table: Table, header: Header, path: Path) -> None:
    xarray = needed("xarray", "export")
    needed("h5netcdf", "export")
    columns = {
        name: ("record", values, {"units": header.columns[name]}) for name, values in table.items()
    }
    about = {"hil": msgspec.json.encode(header).decode()}
    xarray.Dataset(columns, attrs=about).to_netcdf(path, engine="h5netcdf")


FORMATS: dict[str, Callable[[Table, Header, Path], None]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
    "netcdf": _write_netcdf,
}


def needed(module: str, extra: str) -> Any:
    """Import a module of an extra; raises MissingExtra saying which extra to install."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"this needs {module}, which is not installed; "
            f'python -m pip install "hil-bench[{extra}]"'
        ) from error
