"""`rapport init`."""

import typer

from flows.console import emit, say, say_wrapped
from flows.options import AsJson, home, rapport


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("init")
    def init(context: typer.Context, json: AsJson = False) -> None:
        """Make a home: settings, inbox, lake and example offers."""
        from flows.starter import write_starter
        from warehouse.lake import open_writer

        found = home(context)
        made = [] if found.catalog.exists() else ["lake"]
        made += write_starter(found)
        with open_writer(found):
            pass  # opening makes the lake
        if json:
            emit({"home": str(found.root), "made": made})
            return
        say(f"{found.root} is ready (made: {', '.join(made) or 'nothing, all was there'}).")
        say("Next, put files into landing/inbox/<connector>/ and type")
        say(f"  {rapport(context)} run")
        say("or load some at once")
        say(f"  {rapport(context)} ingest CONNECTOR PATH...")
        say_wrapped("`rapport connectors` lists the connectors.")
