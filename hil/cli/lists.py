"""``hil list``: what there is."""

import click

from hil.catalog import MODELS, PROTOCOLS
from hil.config import shipped_benches
from hil.decode import read_toml


@click.command("list", epilog="Example: hil list benches")
@click.argument("what", type=click.Choice(["protocols", "benches", "models", "instruments"]))
def list_(what: str) -> None:
    """List protocols, benches, models or virtual instruments, each with a line about it."""
    rows = {
        "protocols": _protocols, "benches": _benches, "models": _models,
        "instruments": _instruments,
    }[what]()  # fmt: skip
    width = max(len(name) for name in rows)
    for name, text in rows.items():
        click.echo(f"{name:<{width}}  {text}")


def _protocols() -> dict[str, str]:
    return {name: _first_line(PROTOCOLS.load(name)) for name in PROTOCOLS.names()}


def _benches() -> dict[str, str]:
    files = {name: read_toml(path) for name, path in shipped_benches().items()}
    return {name: f"{file['kind']}: {file.get('title', '')}" for name, file in files.items()}


def _models() -> dict[str, str]:
    from hil.simulators.models.files import shipped_model_files

    classes = {name: _first_line(MODELS.load(name)) for name in MODELS.names()}
    files = {name: read_toml(path)["title"] for name, path in shipped_model_files().items()}
    return classes | files


def _instruments() -> dict[str, str]:
    from hil.simulators.instruments import INSTRUMENTS

    return {name: _first_line(INSTRUMENTS.load(name)) for name in INSTRUMENTS.names()}


def _first_line(thing: object) -> str:
    return (thing.__doc__ or "").strip().partition("\n")[0]
