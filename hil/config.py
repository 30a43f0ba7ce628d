"""Bench files: found by name or path, checked, turned into an open bench."""

import typing
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from hil.bench import Bench, Sample
from hil.catalog import BENCH_KINDS
from hil.decode import decode, decode_text, members_of, read_toml, unknown, unwrapped
from hil.errors import ConfigError
from hil.limits import Limits


class BenchFile(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What every bench file says; each kind of bench adds its own tables."""

    kind: str
    limits: Limits
    title: str = ""
    sample: Sample = Sample()

    def settled(self, folder: Path) -> "BenchFile":
        """Return the file with everything it refers to (paths from *folder*) written out."""
        return self

    def build(self, name: str, seed: int) -> Bench:
        """Make the bench, not yet open."""
        raise NotImplementedError


class NamedBench(msgspec.Struct, frozen=True):
    """A bench file that was found and checked.

    Attributes
    ----------
    name : str
        The shipped name, or the file's name without its ending.
    file : BenchFile
        Its content.
    """

    name: str
    file: BenchFile

    def build(self, seed: int) -> Bench:
        """Make the bench, not yet open."""
        return self.file.build(self.name, seed)


def find_bench(name_or_path: str, overrides: Mapping[str, str] | None = None) -> NamedBench:
    """Find a bench by its shipped name, or read a bench file or model file.

    Parameters
    ----------
    name_or_path : str
        ``tiox``, or a path to a TOML file.
    overrides : mapping of str to str, optional
        Values that replace the file's, by dotted key: ``{"cells": "100"}``.

    Raises
    ------
    ConfigError
        Naming the file, the key and what is wrong.
    """
    path = _bench_path(name_or_path)
    data = read_toml(path)
    kind: Any = data.get("kind")
    if kind not in BENCH_KINDS:
        known = ", ".join(BENCH_KINDS.names())
        raise ConfigError(
            f"{path}: kind is {kind!r}; a bench file begins with kind = one of {known}"
        )
    file_type: type[BenchFile] = BENCH_KINDS.load(kind)
    for key, text in (overrides or {}).items():
        _override(data, key, text, file_type)
    file = decode(data, file_type, str(path))
    return NamedBench(Path(path).stem, file.settled(path.parent))


def bench_from_record(name: str, data: dict[str, Any]) -> NamedBench:
    """Bring back a bench from what a run has kept of it (``msgspec.to_builtins`` of its file)."""
    file_type: type[BenchFile] = BENCH_KINDS.load(data["kind"])
    return NamedBench(name, decode(data, file_type, f"bench {name} of the run"))


def shipped_benches() -> dict[str, Path]:
    """List the bench files that ship, by name."""
    folder = resources.files("hil.benches")
    paths = (Path(str(entry)) for entry in folder.iterdir())
    return {path.stem: path for path in sorted(paths) if path.suffix == ".toml"}


def _bench_path(name_or_path: str) -> Path:
    shipped = shipped_benches()
    if name_or_path in shipped:
        return shipped[name_or_path]
    path = Path(name_or_path)
    if path.suffix != ".toml":
        raise ConfigError(unknown(name_or_path, shipped, "--bench", "shipped bench"))
    return path


def _override(data: dict[str, Any], key: str, text: str, file_type: type) -> None:
    """Replace one value of a bench file by a text from the command line."""
    struct: Any = file_type
    table = data
    *parents, last = key.split(".")
    for name in [*parents, last]:
        hints = typing.get_type_hints(struct, include_extras=True)
        if name not in hints:
            raise ConfigError(unknown(name, struct.__struct_fields__, f"--set bench.{key}", "key"))
        struct = hints[name]
        if name != last:
            struct = members_of(unwrapped(struct)[1])[0]
            table = table.setdefault(name, {})
    table[last] = decode_text(text, struct, f"--set bench.{key}")
