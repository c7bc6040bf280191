"""The command line: `rapport [--home DIR] COMMAND`. Heavy libraries are imported by the command that needs them."""

import sys
from io import TextIOWrapper

import typer

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
from flows.options import HomeFolder

keep_quiet()

app = typer.Typer(
    name="rapport",
    help="Every contact with a customer becomes knowledge, and the knowledge the next best benefit.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _options(home: HomeFolder = None) -> None:
    """Every contact with a customer becomes knowledge, and the knowledge the next best benefit."""


_WRITING = (initialise, ingest, collect, run, follow, refresh, fit, backfill, rebuild, maintain, erase)
_READING = (access, sql, profile, identity, catalogue, rejections, requests)
for _module in (*_WRITING, *_READING, simulate, demo):
    _module.register(app)


def main() -> None:
    """Run the command; errors are one message on stderr and exit code 1 (data or run) or 2 (usage)."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without Unicode still gets its answer
    try:
        app(prog_name="rapport")
    except EXPECTED as problem:
        colour = "red" if sys.stderr.isatty() else None
        typer.secho(f"rapport: {clean(sentence(problem))}", err=True, fg=colour)
        raise SystemExit(exit_code(problem)) from problem
    except RuntimeError as problem:
        if not isinstance(problem.__cause__, KeyboardInterrupt):
            raise
        raise SystemExit(130) from problem  # Ctrl-C while DuckDB was at work
