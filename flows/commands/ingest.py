"""`rapport ingest`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.console import emit, progress, say, table
from flows.options import AsJson, home_to_fill, rapport
from warehouse.errors import RapportError

if TYPE_CHECKING:
    from flows.ingest import IngestReport


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("ingest")
    def ingest(
        context: typer.Context,
        connector: Annotated[
            str,
            typer.Argument(metavar="CONNECTOR", help="What understands the files; `rapport connectors` lists them."),
        ],
        paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files, also .gz and .zst.")],
        source: Annotated[str | None, typer.Option(help="System that they come from; default: the connector.")] = None,
        mapping: Annotated[Path | None, typer.Option(help="Mapping (TOML) for the table connector.")] = None,
        json: AsJson = False,
    ) -> None:
        """Land files and load them; print what was received, loaded, duplicate, rejected and suppressed."""
        from flows.ingest import ingest_paths
        from flows.upkeep import keep_up
        from warehouse.lake import open_writer

        with progress("ingest") as tell, open_writer(home_to_fill(context), tell=tell) as lake:
            outcome = ingest_paths(lake, connector, paths, source, mapping, tell)
            keep_up(lake, tell)
        if json:
            told = {"new_fields": [vars(found) for found in outcome.new_fields], "requests": outcome.requests}
            emit({**vars(outcome.counts), "files": outcome.files, "reasons": outcome.reasons, **told})
        else:
            _tell(outcome, rapport(context))
        if outcome.is_unreadable:
            raise RapportError("nothing could be read; look at the format of the files, and at the connector's name")


def _tell(outcome: "IngestReport", rapport: str) -> None:
    from flows.report import tell_new_fields, tell_requests

    table("", list(vars(outcome.counts)), [outcome.counts.values])
    if outcome.reasons:
        more = f"`{rapport} rejections` tells where and why"
        table("Rejected", ["reason", "records"], list(outcome.reasons.items()), more)
    tell_new_fields(outcome.new_fields)
    tell_requests(outcome.requests)
    if outcome.counts.loaded:
        say(f"Next: `{rapport} run` makes profiles and decisions of it.")
