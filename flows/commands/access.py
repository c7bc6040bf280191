"""`rapport access`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.console import emit, say, say_wrapped, table
from flows.options import AsJson, home, utf8

if TYPE_CHECKING:
    from flows.access.report import AccessReport


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("access")
    def access(
        context: typer.Context,
        identifier: Annotated[
            str,
            typer.Argument(
                metavar="IDENTIFIER", callback=utf8, help="KIND:VALUE, or a VALUE that only one customer has."
            ),
        ],
        html: Annotated[
            Path | None, typer.Option("--html", dir_okay=False, help="Write a page that people can read to this file.")
        ] = None,
        json: AsJson = False,
    ) -> None:
        """All that is known, inferred and decided about a person, with reasons."""
        from flows.access.page import access_page
        from flows.access.report import read_access
        from warehouse.reader import open_lake

        with open_lake(home(context).root) as lake:
            found = read_access(lake, identifier)
        if html is not None:
            html.write_text(access_page(found), encoding="utf-8")
        if json:
            emit(vars(found))
        else:
            _tell(found, html)


def _tell(found: "AccessReport", html: Path | None) -> None:
    say_wrapped(f"Customer {found.customer_id}, known by {', '.join(found.identifiers)}")
    parts = {"known": found.known, "inferred": found.inferred, "decided": found.decided}
    rows = [(part, name, len(rows)) for part, tables in parts.items() for name, rows in tables.items() if rows]
    table("Rows", ["part", "table", "rows"], rows)
    for remark in found.remarks:
        say_wrapped(remark)
    say()
    say(
        f"The whole of it is in {html}."
        if html
        else "`--html FILE` writes the whole of it as a page, `--json` prints it."
    )
