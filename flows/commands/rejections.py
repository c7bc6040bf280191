"""`rapport rejections`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.console import emit, progress, say, say_wrapped, table
from flows.options import AsJson, existing_home, home, rapport
from warehouse.errors import UsageError

if TYPE_CHECKING:
    from flows.replay import Chosen, ReplayReport

_COLUMNS = ("source", "connector", "reason_code", "records", "reason", "example")


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("rejections")
    def rejections(
        context: typer.Context,
        connector: Annotated[str | None, typer.Option(help="Only those of this connector.")] = None,
        source: Annotated[str | None, typer.Option(help="Only those of this source.")] = None,
        reason: Annotated[str | None, typer.Option(help="Only those with this reason code.")] = None,
        replay: Annotated[
            bool, typer.Option("--replay", help="Read these records again, and load those that pass now.")
        ] = False,
        mapping: Annotated[
            Path | None, typer.Option(help="With --replay: the mapping (TOML); default: mappings/<source>.toml.")
        ] = None,
        json: AsJson = False,
    ) -> None:
        """What was refused: by source and reason, with places to look; after a fix, load it with --replay."""
        from flows.replay import Chosen

        chosen = Chosen(connector, source, reason)
        if replay:
            _replay(context, chosen, mapping, json)
        elif mapping is not None:
            raise UsageError("--mapping says how records are read again; give --replay with it")
        else:
            _show(context, chosen, json)


def _replay(context: typer.Context, chosen: "Chosen", mapping: Path | None, json: bool) -> None:
    from flows.replay import replay_rejections
    from flows.upkeep import keep_up
    from warehouse.lake import open_writer

    with progress("replay") as tell, open_writer(existing_home(context), tell=tell) as lake:
        report = replay_rejections(lake, chosen, mapping, tell)
        keep_up(lake, tell)
    if json:
        emit(vars(report))
    else:
        _tell(report, rapport(context))


def _tell(report: "ReplayReport", rapport: str) -> None:
    if not report.looked_at:
        say(f"Nothing that was asked for was rejected; `{rapport} rejections` shows what was.")
        return
    table(f"Read again from {report.files:,} files", list(vars(report)), [list(vars(report).values())])
    if not (report.loaded or report.duplicate or report.suppressed):
        say_wrapped("None of these records pass now; `--mapping` or a setting may mend that. Nothing was loaded.")
    if report.loaded:
        say(f"Next: `{rapport} run` makes profiles and decisions of it.")


def _show(context: typer.Context, chosen: "Chosen", json: bool) -> None:
    from flows.rejected import known_names, new_fields, rejected_groups
    from warehouse.reader import open_lake

    found = home(context)
    with open_lake(found.root) as lake:
        groups, fields = rejected_groups(lake, found, chosen), new_fields(lake)
        names = {} if groups else known_names(lake)
    if json:
        emit({"rejections": groups, "new_fields": fields})
        return
    if groups:
        table("", _COLUMNS, [[each[column] for column in _COLUMNS] for each in groups])
        _tell_shapes(groups)
    elif any(names.values()):
        listed = "; ".join(f"{name} {', '.join(values)}" for name, values in names.items())
        say_wrapped(f"Nothing that was asked for was rejected. There are rejections of {listed}.")
    else:
        say("Nothing was rejected.")
    if fields:
        table("New fields, kept in properties", list(fields[0]), [list(each.values()) for each in fields])


def _tell_shapes(groups: list[dict[str, Any]]) -> None:
    say("What such records look like, without what they say:")
    for each in groups:
        for one in each["examples"][:1]:
            say_wrapped(f"{each['reason_code']}: {one['shape']}", indent=2)
