"""`rapport rebuild`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from flows.console import emit, progress, say_wrapped, table
from flows.options import AsJson, existing_home

if TYPE_CHECKING:
    from flows.rebuild import RebuildReport
    from warehouse.compare import Difference


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("rebuild")
    def rebuild(
        context: typer.Context,
        is_trial: Annotated[bool, typer.Option("--dry-run", help="Only compare; the lake stays as it is.")] = False,
        json: AsJson = False,
    ) -> None:
        """Make everything anew from what was landed, compare it with the lake, put it in the lake's place."""
        from flows.rebuild import rebuild as rebuild_home

        with progress("rebuild") as tell:
            report = rebuild_home(existing_home(context), tell, is_trial=is_trial)
        if json:
            emit(_object(report))
        else:
            _tell(report)


def _object(report: "RebuildReport") -> dict[str, object]:
    return {
        "is_equal": not report.differences,
        "is_replaced": report.commit_seq is not None,
        "as_of": report.as_of,
        "commit_seq": report.commit_seq,
        "files": report.files,
        "received": report.received,
        "tables": {name: asdict(difference) for name, difference in sorted(report.tables.items())},
    }


def _tell(report: "RebuildReport") -> None:
    columns = ["table", "lake", "rebuilt", "only in the lake", "only rebuilt", "changed"]
    table("", columns, [_row(name, difference) for name, difference in sorted(report.tables.items())])
    for name, difference in sorted(report.differences.items()):
        changed = ", ".join(f"{column} ({count:,})" for column, count in difference.columns.items())
        said = f"{name} differs" + (f" in {changed}" if changed else "")
        say_wrapped(f"{said}; for example {'; '.join(difference.examples) or 'a key that stands twice'}.")
    read = f"{report.received:,} records of {report.files:,} files were read again"
    if report.commit_seq is None:
        end = "The lake was left as it is."
    else:
        end = f"The rebuilt lake is in place, as commit {report.commit_seq}."
    say_wrapped(f"{read}: {'everything is the same' if not report.differences else 'not all is the same'}. {end}")


def _row(name: str, difference: "Difference") -> list[object]:
    counts = (difference.only_left_count, difference.only_right_count, difference.changed_count)
    return [name, difference.left_count, difference.right_count, *counts]
