"""`rapport run`."""

import os
from typing import Annotated

import typer

from flows.console import emit, progress
from flows.environment import keep_prefect_at_home
from flows.options import AsJson, AsOf, existing_home
from warehouse.run import parse_as_of


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("run")
    def run(
        context: typer.Context,
        as_of: AsOf = None,
        prefect: Annotated[bool, typer.Option("--prefect", help="Run as a Prefect flow.")] = False,
        checkpoint: Annotated[
            bool,
            typer.Option("--checkpoint", help="Let Great Expectations judge staged files before publishing."),
        ] = False,
        json: AsJson = False,
    ) -> None:
        """The main job: everything landed becomes interactions, identities, profiles and decisions."""
        from flows.report import report_object, tell_report

        found = existing_home(context)
        if as_of:
            parse_as_of(as_of)
        with progress("run") as tell:
            if prefect or os.environ.get("PREFECT_API_URL"):
                keep_prefect_at_home(found)
                from flows.orchestrated import run_as_flow

                report = run_as_flow(found, as_of, is_checked=checkpoint)
            else:
                from flows.run import run_plain

                report = run_plain(found, as_of, tell, is_checked=checkpoint)
        if json:
            emit(report_object(report))
        else:
            tell_report(report)
