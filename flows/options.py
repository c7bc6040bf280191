"""Options that many commands share."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from warehouse.errors import UsageError
from warehouse.home import Home

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
AsOf = Annotated[str | None, typer.Option(help="Know up to here (a UTC midnight); default: the next one.")]
HomeFolder = Annotated[
    Path | None,
    typer.Option(
        envvar="RAPPORT_HOME", file_okay=False, help="The folder that holds everything; default: the current one."
    ),
]


def utf8(value: str) -> str:
    """`value`, if it can be looked for: all that is stored is UTF-8. Raises BadParameter."""
    try:
        value.encode()
    except UnicodeEncodeError as problem:
        raise typer.BadParameter("it is not UTF-8 text; check the terminal's encoding") from problem
    return value


def home(context: typer.Context) -> Home:
    """The home of this call: --home, else RAPPORT_HOME, else the current folder."""
    return Home(_given(context) or Path.cwd())


def existing_home(context: typer.Context) -> Home:
    """The same, for commands that work on what a home holds. Raises UsageError for a folder that is none."""
    found = home(context)
    if not any(path.exists() for path in (found.settings_file, found.root / "lake", found.inbox)):
        raise UsageError(f"'{found.root}' is no home; type `rapport init` to make it one, or give another with --home")
    return found


def home_to_fill(context: typer.Context) -> Home:
    """The same, for commands that make what is missing, but do so unasked only in a folder that was named."""
    return home(context) if _given(context) else existing_home(context)


def rapport(context: typer.Context) -> str:
    """How the next command on the same home begins, to be typed as it stands."""
    given = context.find_root().params.get("home")
    return f"rapport --home {shlex.quote(str(given))}" if given else "rapport"


def _given(context: typer.Context) -> Path | None:
    given: Path | None = context.find_root().params.get("home")
    return given
