"""`rapport identity review`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.identity_act import By, Reason, act_object, tell_act, who
from flows.commands.identity_look import hold_sentence
from flows.console import emit, progress, say, say_wrapped, table
from flows.options import AsJson, existing_home, home
from warehouse.errors import UsageError

if TYPE_CHECKING:
    from flows.identity.review import Waiting

_COLUMNS = ("proposal_id", "left_identifier", "right_identifier", "probability", "proposed_at")
_MOST_TOLD = 20


def register(group: typer.Typer) -> None:
    """Add the command to `group`."""

    @group.command("review")
    def review(
        context: typer.Context,
        approve: Annotated[
            str | None, typer.Option(metavar="ID", help="Make a link of this proposal (its proposal_id).")
        ] = None,
        dismiss: Annotated[
            str | None, typer.Option(metavar="ID", help="Keep the two of this proposal apart (its proposal_id).")
        ] = None,
        reason: Reason = None,
        by: By = None,
        json: AsJson = False,
    ) -> None:
        """What waits for a person: proposals of a model, customers that are held; approve or dismiss one."""
        if approve is not None and dismiss is not None:
            raise UsageError("--approve and --dismiss are two answers; give one")
        chosen = approve or dismiss
        if chosen is not None:
            _decide(context, chosen, reason, who(by), json, is_approved=approve is not None)
        else:
            _show(context, json)


def _decide(
    context: typer.Context, proposal_id: str, reason: str | None, by: str | None, json: bool, *, is_approved: bool
) -> None:
    from flows.identity.review import decide_on

    with progress("review") as tell:
        found = decide_on(
            existing_home(context), proposal_id, tell, is_approved=is_approved, reason=reason, acted_by=by
        )
    if json:
        emit(act_object(found))
    else:
        tell_act(found, "link" if is_approved else "unlink")


def _show(context: typer.Context, json: bool) -> None:
    from flows.identity.review import waiting
    from warehouse.reader import open_lake

    with open_lake(home(context).root) as lake:
        found = waiting(lake.connection, lake.settings.identity)
    if json:
        emit(vars(found))
    else:
        _tell(found)


def _tell(found: "Waiting") -> None:
    if not found.proposals and not found.held:
        say("Nothing waits for review.")
        return
    if found.proposals:
        rows = [[row[name] for name in _COLUMNS] for row in found.proposals]
        table("Proposals", _COLUMNS, rows, "`--approve ID` makes a link of one, `--dismiss ID` keeps the two apart")
        say("What speaks for the most probable:")
        for row in found.proposals[:_MOST_TOLD]:
            say_wrapped(f"{row['proposal_id']}: {_weights(row['waterfall'])}", indent=2)
    for row in found.held:
        say_wrapped(f"Customer {row['customer_id']}: {hold_sentence(row)}")


def _weights(waterfall: list[dict[str, Any]]) -> str:
    return ", ".join(f"{bar['comparison']} {bar['level']} {bar['match_weight']:+.1f}" for bar in waterfall)
