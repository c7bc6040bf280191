"""`rapport rejections`."""

import typer

from flows.console import emit, say, table
from flows.options import AsJson, home

_GROUPED = """
    SELECT r.source, r.connector, r.reason_code, COUNT(*) AS records, MIN(r.reason) AS reason,
        MIN(f.name || ', row ' || r.row_number) AS example
    FROM rejections AS r
    LEFT JOIN landing_files AS f USING (file_id)
    GROUP BY r.source, r.connector, r.reason_code
    ORDER BY records DESC, r.source, r.reason_code
"""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("rejections")
    def rejections(context: typer.Context, json: AsJson = False) -> None:
        """What was refused: by source and reason, with a place to look."""
        from warehouse.reader import open_lake

        with open_lake(home(context).root) as lake:
            found = lake.sql(_GROUPED)
            columns, rows = found.columns, found.fetchall()
        if json:
            emit({"rejections": [dict(zip(columns, row, strict=True)) for row in rows]})
        elif rows:
            table("", columns, rows)
        else:
            say("Nothing was rejected.")
