"""`rapport identity show | why`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.console import emit, say, say_wrapped, table
from flows.options import AsJson, home, utf8

if TYPE_CHECKING:
    from flows.identity.show import Person
    from flows.identity.why import Step, Why

Identifier = Annotated[
    str, typer.Argument(metavar="IDENTIFIER", callback=utf8, help="KIND:VALUE, or a VALUE that one identifier has.")
]
_SHOWN = ("identifier", "relation", "first_seen_at", "valid_from", "valid_to", "known_from", "known_to")
_SPANS = ("valid_from", "valid_to")
_MOST_BRIDGES = 10


def register(group: typer.Typer) -> None:
    """Add the commands to `group`."""

    @group.command("show")
    def show(context: typer.Context, identifier: Identifier, json: AsJson = False) -> None:
        """Whose an identifier is: the customer, all identifiers and how, earlier ids, holds, health."""
        from flows.identity.show import show as show_persons
        from warehouse.reader import open_lake

        with open_lake(home(context).root) as lake:
            found = show_persons(lake.connection, lake.settings.identity, identifier)
        if json:
            emit({"customers": [asdict(person) for person in found]})
            return
        for person in found:
            _tell_person(person)

    @group.command("why")
    def why(context: typer.Context, a: Identifier, b: Identifier, json: AsJson = False) -> None:
        """Why two identifiers are one customer: the shortest chain of links; or what keeps them apart."""
        from flows.identity.why import why as why_one
        from warehouse.reader import open_lake

        with open_lake(home(context).root) as lake:
            found = why_one(lake.connection, lake.settings.identity, a, b)
        if json:
            emit({"is_one_customer": found.customer_id is not None, **asdict(found)})
        else:
            tell_why(found)


def tell_why(found: "Why") -> None:
    """The chain and what is against it, for people."""
    if found.customer_id is not None:
        say_wrapped(f"{found.left} and {found.right} are one customer, {found.customer_id}.")
    else:
        say_wrapped(f"{found.left} and {found.right} are not one customer.")
    if found.chain:
        table("The shortest chain between them", ["from", "to", "what says so"], _chain_rows(found.chain))
    for obstacle in found.obstacles:
        say_wrapped(f"Against it: {obstacle.sentence}")


def _chain_rows(chain: list["Step"]) -> list[tuple[str, str, str]]:
    """A row for each piece of evidence; the pair stands in the first."""
    return [
        (*((step.from_identifier, step.to_identifier) if number == 0 else ("", "")), _sentence(row))
        for step in chain
        for number, row in enumerate(step.evidence)
    ]


def _sentence(row: dict[str, Any]) -> str:
    if row["basis"] == "event":
        event = f"{row['event_name']} of {row['source']}" if row["source"] else "an event that is gone"
        return f"{event}, {row['occurred_at']:%Y-%m-%d %H:%M} (interaction {row['interaction_id']}, {row['rule']})"
    if row["basis"] == "act":
        by = f" by {row['acted_by']}" if row["acted_by"] else ""
        why = f": {row['reason']}" if row["reason"] else ""
        return f"{row['act']}{by}, {row['acted_at']:%Y-%m-%d %H:%M}{_span(row)} (act {row['act_id']}){why}"
    return (
        f"proposed by model {row['model_version']}, probability {row['probability']:.4f} "
        f"(proposal {row['proposal_id']}, {row['proposed_at']:%Y-%m-%d %H:%M})"
    )


def _span(row: dict[str, Any]) -> str:
    since, until = (f"{row[name]:%Y-%m-%d}" if row[name] else "" for name in _SPANS)
    return (f", from {since}" if since else "") + (f", until {until}" if until else "")


def _tell_person(person: "Person") -> None:
    say_wrapped(f"Customer {person.customer_id}")
    rows = [[row[name] for name in _SHOWN] for row in person.identifiers]
    table("Identifiers", _SHOWN, rows, "known_to says since when somebody else has it, or nobody; `-` is now")
    for row in person.earlier_ids:
        say_wrapped(
            f"Earlier id {row['customer_id']}, known from {row['known_from']:%Y-%m-%d %H:%M} to "
            f"{row['known_to']:%Y-%m-%d %H:%M}"
        )
    if person.claims:
        say_wrapped(f"Shared: customers {', '.join(person.claims)} are tied to it, too")
    _tell_holds(person)
    health = person.health
    busiest = f"; {health.busiest} has the most ({health.highest_degree:,})" if health.busiest else ""
    say_wrapped(f"Health: {health.identifiers:,} identifiers, {health.links:,} links between them{busiest}")
    for left, right in health.bridges[:_MOST_BRIDGES]:
        say_wrapped(f"hangs by one link: {left} - {right}", indent=2)
    if len(health.bridges) > _MOST_BRIDGES:
        say_wrapped(f"and by {len(health.bridges) - _MOST_BRIDGES:,} more; --json has all", indent=2)
    say()


def _tell_holds(person: "Person") -> None:
    if not person.holds:
        say("Not held")
    for row in person.holds:
        say_wrapped(hold_sentence(row))


def hold_sentence(row: dict[str, Any]) -> str:
    """Why a customer is held, for people."""
    if row["basis"] == "size":
        return f"Held for its size: {row['identifier_count']:,} identifiers hang together around {row['identifier']}"
    if row["basis"] == "degree":
        return f"{row['identifier']} links nothing, as it has links to {row['identifier_count']:,} others"
    by = f" by {row['acted_by']}" if row["acted_by"] else ""
    why = f": {row['reason']}" if row["reason"] else ""
    return f"Held through {row['identifier']} since {row['acted_at']:%Y-%m-%d %H:%M}{by}{why}"
