"""`rapport profile`."""

from typing import Annotated, Any

import typer

from flows.console import emit, say, say_wrapped, table
from flows.customer import EVIDENCE_LIMIT, Customer
from flows.options import AsJson, home, utf8
from warehouse.run import parse_as_of, parse_instant

_SENTENCES = 5


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("profile")
    def profile(
        context: typer.Context,
        identifier: Annotated[
            str,
            typer.Argument(
                metavar="IDENTIFIER", callback=utf8, help="KIND:VALUE, or a VALUE that only one customer has."
            ),
        ],
        as_of: Annotated[
            str | None, typer.Option(help="Of events before this UTC midnight; default: that of the last run.")
        ] = None,
        known_at: Annotated[
            str | None, typer.Option(help="As it was known at this time (ISO 8601); default: now.")
        ] = None,
        json: AsJson = False,
    ) -> None:
        """One customer: traits with evidence, timeline, decisions with reasons; also as it was known earlier."""
        from flows.customer import read_customer, read_past_customer
        from warehouse.reader import open_lake

        until = parse_as_of(as_of) if as_of else None
        known = parse_instant(known_at) if known_at else None
        with open_lake(home(context).root) as lake:
            if until or known:
                found = read_past_customer(lake, identifier, until, known)
            else:
                found = read_customer(lake, identifier)
        if json:
            emit(vars(found))
        else:
            _tell(found)


def _tell(found: Customer) -> None:
    known = f", as it was known at {found.known_at:%Y-%m-%d %H:%M:%S}" if found.known_at else ""
    say_wrapped(f"Customer {found.customer_id}, as of {found.as_of:%Y-%m-%d}{known}")
    say_wrapped(f"Known by {', '.join(found.identifiers)}")
    say()
    rows = [row for trait in found.traits for row in _trait_rows(trait)]
    table("Traits", ["trait", "value", "evidence"], rows, "`rapport traits` tells what each means, and its unit")
    say()
    columns = ["occurred_at", "channel", "event_name", "amount", "category"]
    table("Latest interactions", columns, [[row[name] for name in columns] for row in found.timeline])
    for decision in found.decisions[:1]:
        _tell_decision(decision)
    if found.decisions[1:]:
        say("Earlier decisions")
    for decision in found.decisions[1:]:
        say_wrapped(f"{_decided(decision)} {decision['reason']}", indent=2)


def _trait_rows(trait: dict[str, Any]) -> list[tuple[str, object, str]]:
    """A row for each column of the trait; the evidence stands in the first."""
    evidence = [_evidence(trait["evidence"])] + [""] * (len(trait["values"]) - 1)
    return [
        (name, _value(value), shown) for (name, value), shown in zip(trait["values"].items(), evidence, strict=True)
    ]


def _tell_decision(decision: dict[str, Any]) -> None:
    told = decision["explanation"]
    say_wrapped(f"Decision {_decided(decision)}")
    for sentence in told["why"]:
        say_wrapped(sentence, indent=2)
    for title, sentences in (("The next best were", told["rivals"]), ("Gates closed for", told["gates"])):
        if sentences:
            say_wrapped(f"{title}:", indent=2)
        for sentence in sentences[:_SENTENCES]:
            say_wrapped(sentence, indent=4)
        if len(sentences) > _SENTENCES:
            say_wrapped(f"and {len(sentences) - _SENTENCES} more; --json has all", indent=4)
    say()


def _decided(decision: dict[str, Any]) -> str:
    return f"as of {decision['decided_as_of']:%Y-%m-%d}: {decision['explanation']['chosen']}"


def _value(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or None
    if isinstance(value, dict):
        return ", ".join(f"{name} {count:,}" for name, count in value.items()) or None
    return value


def _evidence(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    newest = rows[0]
    more = "" if len(rows) == 1 else f" and {len(rows) - 1} more" if len(rows) < EVIDENCE_LIMIT else " and many more"
    return f"{newest['table_name']} {newest['row_key']}{more}"
