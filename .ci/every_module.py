"""Compare the installed distribution with its source and import each of its modules.

python every_module.py SOURCE       run by the Python it is installed in, SOURCE not on its path
"""

import importlib
import importlib.metadata
import sys
from pathlib import Path

FOLDERS = ("benches", "drivers", "protocols", "simulators")
# The contract suites are for pytest; all else must import with the core's dependencies alone.
MAY_MISS = {"hil.testing": {"pytest", "hypothesis"}}


def source_files(source: Path) -> set[str]:
    """Name each file of the packages as it should be named inside the wheel."""
    places = {"hil": source / "hil"} | {f"hil/{folder}": source / folder for folder in FOLDERS}
    return {
        f"{name}/{file.relative_to(place).as_posix()}"
        for name, place in places.items()
        for file in files_below(place)
    }


def files_below(place: Path) -> list[Path]:
    """List the files below a folder without following links."""
    found = []
    for entry in place.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            found += files_below(entry) if entry.name != "__pycache__" else []
        elif not (place.name == "hil" and entry.name in FOLDERS):
            found.append(entry)
    return found


def installed_files() -> set[str]:
    """Name each file of the installed distribution, its metadata and bytecode apart."""
    files = importlib.metadata.files("hil-bench") or []
    names = {file.as_posix() for file in files}
    return {name for name in names if name.startswith("hil/") and not name.endswith(".pyc")}


def why_not(module: str) -> str:
    """Import a module; return what is wrong, or nothing."""
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        for package, extras in MAY_MISS.items():
            if module.startswith(package) and error.name in extras:
                return ""
        return f"{module} needs {error.name} at its top"
    where = imported.__file__ or ""
    return "" if where.startswith(sys.prefix) else f"{module} comes from {where}"


def main(source: Path) -> int:
    """Print what is missing, superfluous or broken; return the exit status."""
    expected, installed = source_files(source), installed_files()
    problems = [f"not in the wheel: {name}" for name in sorted(expected - installed)]
    problems += [f"only in the wheel: {name}" for name in sorted(installed - expected)]
    modules = sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in installed
        if name.endswith(".py") and not name.endswith("__main__.py")
    )
    problems += [problem for module in modules if (problem := why_not(module))]
    print("\n".join([*problems, f"{len(modules)} modules, {len(installed)} files"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
