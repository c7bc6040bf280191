"""`rapport maintain`."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from flows.console import emit, progress, say, table
from flows.options import AsJson, existing_home

if TYPE_CHECKING:
    from warehouse.file_statistics import TableFiles
    from warehouse.maintain import MaintainReport

_UNITS = ("B", "kB", "MB", "GB", "TB")
_COLUMNS = ["table", "rows", "files", "small", "with deletes", "size"]


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("maintain")
    def maintain(context: typer.Context, json: AsJson = False) -> None:
        """Merge small files, write deleted rows out, and remove old snapshots and what only they needed."""
        from flows.interrupted import finish_interrupted
        from warehouse.lake import open_writer
        from warehouse.maintain import maintain as maintain_lake

        with progress("maintain") as tell, open_writer(existing_home(context), tell=tell) as lake:
            finish_interrupted(lake, tell)
            tell("merging files")
            report = maintain_lake(lake, lake.settings.maintain)
        if json:
            emit(asdict(report))
        else:
            _tell(report)


def _tell(report: "MaintainReport") -> None:
    before = {one.name: one for one in report.before.tables}
    rows = [_row(before[one.name], one) for one in report.after.tables if one.files or before[one.name].files]
    table("Tables, before and after", _COLUMNS, rows)
    around = [
        ("snapshots", report.before.snapshots, report.after.snapshots),
        ("files that wait for their removal", report.before.waiting_files, report.after.waiting_files),
        ("published copies", report.before.published_copies, report.after.published_copies),
        ("segments of the key index", report.before.index_segments, report.after.index_segments),
        ("catalog", _size(report.before.catalog_bytes), _size(report.after.catalog_bytes)),
    ]
    table("Around them", ["", "before", "after"], around)
    say(
        f"Rewrote {report.rewritten_files:,} and merged {report.merged_files:,} files, "
        f"expired {report.expired_snapshots:,} snapshots, removed {report.removed_files:,} files."
    )
    if report.spared_files:
        say(f"{report.spared_files:,} files stay until their readers move on; the next upkeep removes them.")


def _row(before: "TableFiles", after: "TableFiles") -> list[object]:
    return [
        after.name,
        after.rows,
        _change(before.files, after.files),
        _change(before.small_files, after.small_files),
        _change(before.delete_files, after.delete_files),
        _change(_size(before.bytes), _size(after.bytes)),
    ]


def _change(before: object, after: object) -> str:
    return f"{after}" if before == after else f"{before} > {after}"


def _size(count: int) -> str:
    """Bytes for people: 1234567 as 1.2 MB."""
    size, unit = float(count), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{count} B"
