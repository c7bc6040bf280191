"""The command line: `rapport [--home DIR] COMMAND`. Heavy libraries are imported by the command that needs them."""

import re
import sys
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from flows.commands import (
    access,
    backfill,
    catalogue,
    collect,
    demo,
    erase,
    fit,
    follow,
    identity,
    ingest,
    initialise,
    maintain,
    profile,
    rebuild,
    refresh,
    rejections,
    requests,
    run,
    simulate,
    sql,
)
from flows.console import clean
from flows.environment import keep_quiet
from flows.failures import EXPECTED, exit_code, sentence
from flows.options import HomeFolder, rapport

keep_quiet()

# A command that a sentence names without the home.
_COMMAND = re.compile("`rapport (?!--home )")


class Commands(TyperGroup):
    """Commands whose errors are one message on stderr, in which each command stands as it is typed on this home."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; exit code 1 (data or run) or 2 (usage) for an error that is expected."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # who reads the answer has had enough
        except EXPECTED as problem:
            told = _COMMAND.sub(lambda _: f"`{rapport(ctx)} ", clean(sentence(problem)))
            typer.secho(f"rapport: {told}", err=True, fg="red" if sys.stderr.isatty() else None)
            raise SystemExit(exit_code(problem)) from problem


app = typer.Typer(
    cls=Commands,
    name="rapport",
    help="Every contact with a customer becomes knowledge, and the knowledge the next best benefit.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"rapport {version('rapport')}")
        raise typer.Exit


@app.callback()
def _options(
    home: HomeFolder = None,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print the version.")
    ] = False,
) -> None:
    """Every contact with a customer becomes knowledge, and the knowledge the next best benefit."""


_WRITING = (initialise, ingest, collect, run, follow, refresh, fit, backfill, rebuild, maintain, erase)
_READING = (access, sql, profile, identity, catalogue, rejections, requests)
for _module in (*_WRITING, *_READING, simulate, demo):
    _module.register(app)


def main() -> None:
    """Run the command that was typed."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without Unicode still gets its answer
    try:
        app(prog_name="rapport")
    except RuntimeError as problem:
        if not isinstance(problem.__cause__, KeyboardInterrupt):
            raise
        raise SystemExit(130) from problem  # Ctrl-C while DuckDB was at work
