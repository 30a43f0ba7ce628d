"""``hil``: the commands by name, and how an error is told."""

import signal
import sys
import threading
import traceback
from importlib import import_module
from typing import NoReturn

import click

from hil.errors import HilError, notes_of

STOPPED = 130
"""Exit code of a command that was stopped by Ctrl-C or SIGTERM."""

COMMANDS = {
    "run": ("hil.cli.run:run", "Run a protocol on a bench."),
    "resume": ("hil.cli.run:resume", "Go on with a run that was stopped."),
    "runs": ("hil.cli.runs:runs", "List the runs in a folder."),
    "show": ("hil.cli.runs:show", "Show what a run is and what it came to."),
    "note": ("hil.cli.runs:note", "Add a remark to a run."),
    "plot": ("hil.cli.runs:plot", "Draw a run's picture again."),
    "export": ("hil.cli.runs:export", "Write a run's records to a file."),
    "fit": ("hil.cli.fit:fit", "Fit a model to a run: a model file, which is a bench."),
    "import": ("hil.cli.imports:import_", "Take other people's devices as model files."),
    "twin": ("hil.cli.twin:twin", "Tell how far a model is from what was measured."),
    "list": ("hil.cli.lists:list_", "List protocols, benches or models."),
    "read": ("hil.cli.probe:read", "Read cells once."),
    "pulse": ("hil.cli.probe:pulse", "Send one pulse and read before and after."),
    "check": ("hil.cli.check:check", "Look at a bench: what it is, promises, and reads at 0 V."),
    "simulate": ("hil.cli.simulate:simulate", "Take a model through a waveform, CSV to CSV."),
    "crossbar": ("hil.cli.crossbar:crossbar", "Show what the wires of an array do to it."),
    "serve": ("hil.cli.serve:serve", "Serve virtual instruments until Ctrl-C."),
    "safe": ("hil.cli.probe:safe", "Bring a bench to 0 V and off."),
}


class LazyGroup(click.Group):
    """A group that imports a command only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order in which one needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            click.echo(f"hil {version('hil-bench')}")
        except PackageNotFoundError:
            click.echo("hil, not installed: from its source tree")
        context.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: hil run jump-table --bench tiox",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
    help="Show the version and exit.",
)  # fmt: skip
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
def hil(debug: bool) -> None:
    """Write a memristor measurement once; run it on simulated, virtual and real benches."""


def main() -> NoReturn:
    """Run the command line; an error is one sentence, with --debug also where it comes from."""
    # SIGTERM ends a command as Ctrl-C does, before and after a run takes the signals itself
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        code = hil.main(arguments, prog_name="hil", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = error.exit_code
    except click.ClickException as error:
        code = error.exit_code
        _tell(_usage(error), debug)
    except (KeyboardInterrupt, click.Abort) as error:
        click.echo("hil: stopped", err=True)
        _warn(error)
        code = STOPPED
    except HilError as error:
        code = 1
        _tell(str(error), debug)
        _warn(error)
    except OSError as error:
        code = 1
        place = f"{error.filename}: " if error.filename else ""
        _tell(f"{place}{error.strerror or error}; look at the disk and at permissions", debug)
        _warn(error)
    sys.exit(code or 0)


def _tell(sentence: str, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    click.echo(f"hil: {sentence}", err=True)


def _warn(error: BaseException) -> None:
    """Tell what was noted on the way out, such as an instrument that was not made safe."""
    for note in notes_of(error):
        click.echo(f"hil: {note}", err=True)


def _usage(error: click.ClickException) -> str:
    """Say what is wrong with a command, and where to read how it is used."""
    text = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{text} - see {context.command_path} --help" if context else text
