"""Bench files: found by name or path, checked, turned into an open bench."""

import tomllib
import typing
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from hil.bench import Bench
from hil.catalog import BENCH_KINDS
from hil.cells import Sample
from hil.decode import decode, decode_text, members_of, read_toml, unknown, unwrapped
from hil.errors import ConfigError
from hil.limits import Limits

if typing.TYPE_CHECKING:
    from hil.virtual import LabPlan, VirtualLab


class BenchFile(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What every bench file says; each kind of bench adds its own tables."""

    kind: str
    limits: Limits
    title: str = ""
    sample: Sample = Sample()

    def settled(self, folder: Path) -> "BenchFile":
        """Return the file with everything it refers to (paths from *folder*) written out."""
        return self

    def build(self, name: str, seed: int, lab: "VirtualLab | None" = None) -> Bench:
        """Make the bench, not yet open; in a *lab* its instruments are the virtual ones there."""
        raise NotImplementedError

    def counterpart(self, seed: int) -> "LabPlan":
        """Say which virtual instruments take the place of this bench's own.

        Raises
        ------
        ConfigError
            If the bench has no instruments, or does not say what lies under their probes.
        """
        raise ConfigError(
            f"a bench of kind {self.kind} has no instruments that virtual ones could stand for; "
            "run it as it is"
        )


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

    def build(self, seed: int, lab: "VirtualLab | None" = None, *, forming: bool = False) -> Bench:
        """Make the bench, not yet open.

        Parameters
        ----------
        seed : int
            Of everything random about simulated cells.
        lab : VirtualLab, optional
            The virtual lab that has the bench's instruments; without it they are the real ones.
        forming : bool
            Whether forming is open where the file has limits for it. On a bench with instruments
            it is opened for one run at a time.
        """
        try:
            bench = self.file.build(self.name, seed, lab)
        except ConfigError as error:
            raise ConfigError(f"bench {self.name}, {error}") from error
        bench.forming_open = forming or bench.kind == "physics"
        return bench

    def with_device(self, device: str) -> "NamedBench":
        """Return the same bench with a named device under its probes; no name changes nothing."""
        if not device:
            return self
        sample = msgspec.structs.replace(self.file.sample, device=device)
        return NamedBench(self.name, msgspec.structs.replace(self.file, sample=sample))


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
    if not isinstance(kind, str) or kind not in BENCH_KINDS:
        known = ", ".join(BENCH_KINDS.names())
        what = f"its kind is {kind!r}" if "kind" in data else "it does not say its kind"
        raise ConfigError(f"{path}: {what}; a bench file begins with kind = one of {known}")
    file_type: type[BenchFile] = BENCH_KINDS.load(kind)
    for key, text in (overrides or {}).items():
        _override(data, key, text, file_type)
    file = decode(data, file_type, str(path))
    try:
        return NamedBench(path.stem, file.settled(path.parent))
    except ConfigError as error:
        raise ConfigError(f"{path}, {error}") from error


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
    where = f"--set bench.{key}"
    if key == "kind":
        raise ConfigError(f"{where}: a bench cannot become one of another kind; name another one")
    wanted: Any = file_type
    table: Any = data
    *parents, last = key.split(".")
    for name in parents:
        wanted = members_of(unwrapped(_member(wanted, name, where))[1])[0]
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{where}: {name} has no keys of its own")
    wanted = _member(wanted, last, where)
    table[last] = guessed(text) if wanted is Any else decode_text(text, wanted, where)


def _member(wanted: Any, name: str, where: str) -> Any:
    """Tell the type of a key of a struct, or of a table with any keys."""
    if wanted is Any or typing.get_origin(wanted) is dict:
        return Any
    if not (isinstance(wanted, type) and issubclass(wanted, msgspec.Struct)):
        raise ConfigError(f"{where}: there are no keys below {where.rpartition('.')[0]}")
    if name not in wanted.__struct_fields__:
        raise ConfigError(unknown(name, wanted.__struct_fields__, where, "key"))
    return typing.get_type_hints(wanted, include_extras=True)[name]


def guessed(text: str) -> Any:
    """Read a value as TOML would; what is none, such as 10kohm, is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
