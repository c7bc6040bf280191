"""`rapport fit`."""

from typing import Annotated

import typer

from flows.console import emit, progress, table
from flows.options import AsJson, existing_home, rapport


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("fit")
    def fit(
        context: typer.Context,
        as_of: Annotated[str, typer.Option(help="Use data up to here (a UTC midnight).")],
        json: AsJson = False,
    ) -> None:
        """Estimate what is common to all customers from the data, and score everyone again."""
        from flows.fitting import fit_home

        with progress("fit") as tell:
            found = fit_home(existing_home(context), as_of, tell)
        if json:
            emit({"artefacts": found})
            return
        rows = [(row["name"], row["version"], row["outcome"]) for row in found]
        table("Artefacts", ["name", "version", "outcome"], rows, f"`{rapport(context)} run` decides with them")
