"""`rapport refresh`."""

import typer

from flows.console import emit, progress
from flows.options import AsJson, AsOf, existing_home
from warehouse.run import parse_as_of


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("refresh")
    def refresh(context: typer.Context, as_of: AsOf = None, json: AsJson = False) -> None:
        """Bring what passing time moves up to date: windows, recency, preferences, interests, decisions."""
        from flows.refresh import refresh_home
        from flows.report import report_object, tell_report

        found = existing_home(context)
        if as_of:
            parse_as_of(as_of)
        with progress("refresh") as tell:
            report = refresh_home(found, as_of, tell)
        if json:
            emit(report_object(report))
        else:
            tell_report(report)
