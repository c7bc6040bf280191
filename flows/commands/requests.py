"""`rapport requests`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from flows.console import emit, say, say_wrapped, table
from flows.options import AsJson, home, rapport

if TYPE_CHECKING:
    from flows.requests import PersonRequest


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("requests")
    def requests(context: typer.Context, json: AsJson = False) -> None:
        """Persons who ask to be erased, or what is known of them: until when, and the command that answers."""
        from flows.requests import open_requests
        from warehouse.reader import open_lake

        now = datetime.now(UTC)
        with open_lake(home(context).root) as lake:
            found = open_requests(lake, now)
        if json:
            emit({"requests": [vars(each) for each in found]})
        elif found:
            _tell(found, now, rapport(context))
        else:
            say("Nobody asks for anything.")


def _tell(found: "list[PersonRequest]", now: datetime, rapport: str) -> None:
    rows = [
        (
            each.request,
            each.due_at.date(),
            (each.due_at - now).days,
            each.source,
            each.who or "",
            f"{rapport} {each.answer}" if each.answer else "",
        )
        for each in found
    ]
    table("", ["request", "due", "days left", "source", "who", "answer"], rows)
    if any(not each.answer for each in found):
        say_wrapped("A request without an answer names nobody, or a whole shop: docs/erasing.md tells what to do.")
