"""`rapport profile`."""

from typing import Annotated, Any

import typer

from flows.account import GROUP
from flows.console import emit, say, say_wrapped, table
from flows.customer import EVIDENCE_LIMIT, Customer
from flows.options import AsJson, home, utf8
from warehouse.errors import UsageError
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
                metavar="IDENTIFIER",
                callback=utf8,
                help="KIND:VALUE, or a VALUE that only one customer has; group:ID for an account.",
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
        """One customer or account: traits with evidence, timeline, decisions with reasons; also as known earlier."""
        from flows.customer import read_customer, read_past_customer
        from warehouse.reader import open_lake

        if identifier.startswith(GROUP):
            _tell_account(context, identifier, json=json, is_past=bool(as_of or known_at))
            return
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


def _tell_account(context: typer.Context, identifier: str, *, json: bool, is_past: bool) -> None:
    from flows.account import read_account
    from warehouse.reader import open_lake

    if is_past:
        raise UsageError("an account is told as of the last run; leave --as-of and --known-at out")
    with open_lake(home(context).root) as lake:
        found = read_account(lake, identifier.removeprefix(GROUP))
    if json:
        emit(vars(found))
        return
    name = f", {found.name}" if found.name else ""
    day = f", as of {found.as_of:%Y-%m-%d}" if found.as_of else ""
    say_wrapped(f"Account {found.group_id}{name}{day}: {found.member_count} members")
    for stated, value in found.stated.items():
        say_wrapped(f"{stated}: {value}", indent=2)
    say()
    _table("Members", found.members, ["anchor", "role", "rule", "valid_from", "valid_to"])
    table("Traits", ["trait", "value"], [(name, _value(value)) for name, value in found.traits.items()])


def _table(title: str, rows: list[dict[str, Any]], columns: list[str]) -> None:
    table(title, columns, [[row[name] for name in columns] for row in rows])


def _tell(found: Customer) -> None:
    known = f", as it was known at {found.known_at:%Y-%m-%d %H:%M:%S}" if found.known_at else ""
    say_wrapped(f"Customer {found.customer_id}, as of {found.as_of:%Y-%m-%d}{known}")
    say_wrapped(f"Known by {', '.join(found.identifiers)}")
    say()
    if found.accounts:
        _table("Accounts", found.accounts, ["group_id", "name", "role", "valid_from", "valid_to"])
    rows = [row for trait in found.traits for row in _trait_rows(trait)]
    table("Traits", ["trait", "value", "evidence"], rows, "`rapport traits` tells what each means, and its unit")
    say()
    if found.consents:
        columns = ["purpose", "channel", "status", "legal_basis", "version", "stated_at", "anchor", "interaction_id"]
        _table("Consent", found.consents, columns)
    _table("Latest interactions", found.timeline, ["occurred_at", "channel", "event_name", "amount", "category"])
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
