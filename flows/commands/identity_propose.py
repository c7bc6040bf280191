"""`rapport identity propose`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.console import emit, progress, say_wrapped
from flows.options import AsJson, existing_home, rapport
from warehouse.errors import UsageError
from warehouse.run import parse_as_of

if TYPE_CHECKING:
    from flows.proposing import Proposed


def register(group: typer.Typer) -> None:
    """Add the command to `group`."""

    @group.command("propose")
    def propose(
        context: typer.Context,
        train: Annotated[bool, typer.Option("--train", help="Fit the model on the data first.")] = False,
        as_of: Annotated[
            str | None, typer.Option(help="With --train: use what was stated before (a UTC midnight).")
        ] = None,
        json: AsJson = False,
    ) -> None:
        """Compare what customers state about themselves, and propose pairs that may be one person."""
        from flows.proposing import propose_home

        if as_of is not None and not train:
            raise UsageError("--as-of says up to when a model is fitted; give --train too")
        if as_of is not None:
            parse_as_of(as_of)
        with progress("propose") as tell:
            found = propose_home(existing_home(context), tell, as_of=as_of, is_trained=train)
        if json:
            emit(_object(found))
        else:
            _tell(found, rapport(context))


def _object(found: "Proposed") -> dict[str, Any]:
    trained = {"version": found.trained_version} if found.trained_version is not None else None
    report = asdict(found.report) if found.report else None
    return {"is_trained": found.is_trained, "model": trained, "proposals": report}


def _tell(found: "Proposed", rapport: str) -> None:
    if found.is_trained and found.trained_version is None:
        say_wrapped("Too few people seem to be there twice to fit a model; the one before stays.")
    elif found.is_trained:
        say_wrapped(f"Fitted version {found.trained_version} of the model.")
    report = found.report
    if report is None:
        say_wrapped("Nothing has changed since the last time.")
        return
    say_wrapped(
        f"Compared {report.changed:,} of {report.people:,} people ({report.scored:,} pairs); "
        f"{report.written:,} proposals are new or scored otherwise."
    )
    say_wrapped(
        f"{report.accepted:,} count as links at the next `{rapport} run`; "
        f"{report.waiting:,} wait: `{rapport} identity review` shows them."
    )
