"""`rapport erase`."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.console import emit, progress, say_wrapped, table
from flows.options import AsJson, existing_home, utf8
from warehouse.errors import UsageError

if TYPE_CHECKING:
    from flows.erasure import ErasureReport


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("erase")
    def erase(
        context: typer.Context,
        identifiers: Annotated[
            list[str] | None,
            typer.Argument(metavar="IDENTIFIER", help="KIND:VALUE, or a VALUE that only one customer has."),
        ] = None,
        file: Annotated[
            typer.FileText | None,
            typer.Option("--file", encoding="utf-8", help="One identifier a line; - reads them from standard input."),
        ] = None,
        scan: Annotated[
            bool, typer.Option("--scan/--no-scan", help="Search every file under the home for traces at the end.")
        ] = True,
        json: AsJson = False,
    ) -> None:
        """Remove persons from every table, file, copy and snapshot, for good; prints the certificate."""
        from flows.erasure import erase_home

        asked = [utf8(text) for text in identifiers or []]
        asked += [line.strip() for line in file or [] if line.strip()]
        if not asked:
            raise UsageError("nobody is named; give IDENTIFIER, or --file with one a line")
        with progress("erase") as tell:
            found = erase_home(existing_home(context), asked, tell, is_scanned=scan)
        if json:
            emit({**vars(found), "search": vars(found.search)})
        else:
            _tell(found, is_scanned=scan)
        found.search.require_none(found.erasure_id)


def _tell(found: "ErasureReport", *, is_scanned: bool) -> None:
    if found.deleted:
        table("Rows erased", ["table", "rows"], sorted(found.deleted.items()))
    searched = f"{found.search.files:,} searched for traces" if is_scanned else "not searched for traces"
    say_wrapped(
        f"{found.persons:,} erased, {found.erased_before:,} erased before; {found.blanked_records:,} records of "
        f"{found.blanked_files:,} landed files are blanks; files: {searched}"
    )
    if found.erasure_id:
        say_wrapped(f"Certificate {found.erasure_id} (table erasures)")
