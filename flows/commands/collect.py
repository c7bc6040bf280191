"""`rapport collect`."""

from dataclasses import replace
from typing import Annotated

import typer

from flows.console import clean, emit
from flows.options import AsJson, existing_home


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("collect")
    def collect(
        context: typer.Context,
        host: Annotated[str | None, typer.Option(help="Address to listen on; default: that of the settings.")] = None,
        port: Annotated[
            int | None, typer.Option(min=0, max=65535, help="Port; 0: a free one; default: that of the settings.")
        ] = None,
        json: AsJson = False,
    ) -> None:
        """Take events over HTTP until interrupted; each is on the disk before it is answered."""
        from pipelines.collect.server.serve import serve
        from warehouse.settings import load_settings

        found = existing_home(context)
        settings = load_settings(found.settings_file)
        own = settings.collector
        collector = replace(own, host=host or own.host, port=own.port if port is None else port)
        events = serve(found, replace(settings, collector=collector), lambda text: typer.echo(clean(text), err=True))
        if json:
            emit({"events": events})
