"""`rapport demo`."""

import typer

from flows.console import emit, progress
from flows.environment import keep_prefect_at_home
from flows.options import AsJson, home, rapport


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("demo")
    def demo(context: typer.Context, json: AsJson = False) -> None:
        """The whole thing on real shop data, from nothing: load, resolve, fit, decide, explain."""
        found = home(context)
        keep_prefect_at_home(found)
        from flows.demo.play import play
        from flows.demo.summary import tell_summary

        with progress("demo") as tell:
            summary = play(found, tell)
        if json:
            emit(summary)
        else:
            tell_summary(summary, rapport(context))
