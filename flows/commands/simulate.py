"""`rapport simulate`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from flows.console import emit, progress, say, table
from flows.options import AsJson


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("simulate")
    def simulate(
        customers: Annotated[int, typer.Option(help="How many customers.")],
        days: Annotated[int, typer.Option(help="How many days.")],
        out: Annotated[Path, typer.Option(file_okay=False, help="A folder without earlier output.")],
        seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
        json: AsJson = False,
    ) -> None:
        """Write a world with known truth, in each connector's own wire format, plus truth.parquet."""
        from pipelines.simulate import World
        from pipelines.simulate import simulate as write_world

        with progress("simulate") as tell:
            found = write_world(World(customers=customers, days=days, seed=seed), out, tell)
        if json:
            emit({"out": str(found.out), "files": dict(found.files), "channels": dict(found.channels)})
            return
        table(f"Written to {found.out}", ["file", "records"], list(found.files.items()))
        say("truth.parquet tells what is true of every customer. Next, for example:")
        folder = shlex.quote(str(found.out))
        say(f"  rapport ingest segment {folder}/segment/*.jsonl")
        say(f"  rapport ingest table --source pos --mapping {folder}/mappings/pos.toml {folder}/table/pos/*.csv")
