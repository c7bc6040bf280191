"""`rapport backfill`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from flows.console import emit, progress, say_wrapped, table
from flows.options import AsJson, AsOf, existing_home

if TYPE_CHECKING:
    from flows.backfill import BackfillReport


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("backfill")
    def backfill(
        context: typer.Context,
        first: Annotated[str, typer.Option("--from", metavar="DAY", help="First day of the window (UTC).")],
        last: Annotated[str, typer.Option("--to", metavar="DAY", help="Last day of it.")],
        as_of: AsOf = None,
        json: AsJson = False,
    ) -> None:
        """A window again: compare the rollups of these days with their interactions, and mend what differs."""
        from flows.backfill import backfill_home

        with progress("backfill") as tell:
            report = backfill_home(existing_home(context), first, last, as_of, tell)
        if json:
            emit({"is_equal": report.commit_seq is None, **asdict(report)})
        else:
            _tell(report)


def _tell(report: "BackfillReport") -> None:
    window = f"{report.first} to {report.last}"
    if report.commit_seq is None:
        say_wrapped(f"The rollups of {window} are what their interactions say: nothing was written.")
        return
    rows = [(name, count, report.remade.get(name, 0)) for name, count in sorted(report.differences.items())]
    table(f"Rows of {window} that differed", ["table", "in the window", "written in all"], rows)
    say_wrapped(
        f"All rollups were made anew; something changed of {report.profiles_changed:,} customers as of "
        f"{report.as_of:%Y-%m-%d}. Published commit {report.commit_seq}."
    )
