"""What the commands that talk to instruments share: virtual ones in their place, forming."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click

from hil.config import NamedBench
from hil.runner import LAB_LOG
from hil.virtual import VirtualLab

virtual_option = click.option(
    "--virtual",
    is_flag=True,
    help="Virtual counterparts of the bench's instruments: same file, same driver, same bytes.",
)
allow_option = click.option(
    "--allow",
    "allowed",
    type=click.Choice(["forming"]),
    multiple=True,
    help="Open forming for this run, on a bench with instruments.",
)


def lab_of(
    named: NamedBench, seed: int, out: Path, *, virtual: bool
) -> AbstractContextManager[VirtualLab | None]:
    """Start the lab with the virtual counterparts of a bench's instruments, where it is wanted.

    It ends with the context, unless a run that has not finished keeps it.
    """
    if not virtual:
        return nullcontext()
    plan = named.file.counterpart(seed)
    out.mkdir(parents=True, exist_ok=True)
    return VirtualLab.start(plan, log=out / LAB_LOG)
