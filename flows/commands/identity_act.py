"""`rapport identity link | unlink | hold | release`."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.identity_look import Identifier, tell_why
from flows.console import emit, progress, say_wrapped
from flows.options import AsJson, existing_home, utf8
from flows.report import report_object, tell_report
from warehouse.errors import UsageError
from warehouse.run import parse_instant

if TYPE_CHECKING:
    from flows.identity.acts import Act, ActReport

Reason = Annotated[str | None, typer.Option(callback=lambda value: given(value), help="Why; kept with the act.")]
By = Annotated[
    str | None,
    typer.Option(
        "--by",
        callback=lambda value: given(value),
        help="Who decides: a name, role or code; default: the login name of this session, '' for nobody.",
    ),
]
_DONE = {
    "link": "Linked {0} and {1}.",
    "unlink": "Unlinked {0} and {1}: no evidence links them until a later link.",
    "retract": "Took the days back on which {0} and {1} were one customer: what events say counts again. "
    "Unlink once more to part them for good.",
    "hold": "Held the customer of {0}.",
    "release": "Released the customer of {0}.",
}


def register(group: typer.Typer) -> None:
    """Add the commands to `group`."""

    @group.command("link")
    def link(
        context: typer.Context,
        a: Identifier,
        b: Identifier,
        since: Annotated[
            str | None, typer.Option("--from", metavar="DAY", help="It holds from this UTC day on; default: ever.")
        ] = None,
        until: Annotated[
            str | None, typer.Option("--to", metavar="DAY", help="It holds before this UTC day; default: still.")
        ] = None,
        reason: Reason = None,
        by: By = None,
        json: AsJson = False,
    ) -> None:
        """Say that two identifiers are one customer; with days, that a shared one is a customer's on them."""
        from flows.identity.acts import Act

        span = _span(since, until)
        _act(context, Act("link", (a, b), *span, reason, who(by)), json)

    @group.command("unlink")
    def unlink(
        context: typer.Context, a: Identifier, b: Identifier, reason: Reason = None, by: By = None, json: AsJson = False
    ) -> None:
        """Take a link back, whatever says it, as if it had never been; after a link for some days, those days first."""
        from flows.identity.acts import Act

        _act(context, Act("unlink", (a, b), None, None, reason, who(by)), json)

    @group.command("hold")
    def hold(
        context: typer.Context, identifier: Identifier, reason: Reason = None, by: By = None, json: AsJson = False
    ) -> None:
        """Hold a customer for review: until released, only links with an account id make it one."""
        from flows.identity.acts import Act

        _act(context, Act("hold", (identifier,), None, None, reason, who(by)), json)

    @group.command("release")
    def release(
        context: typer.Context, identifier: Identifier, reason: Reason = None, by: By = None, json: AsJson = False
    ) -> None:
        """Release a customer that a person has held."""
        from flows.identity.acts import Act

        _act(context, Act("release", (identifier,), None, None, reason, who(by)), json)


def who(by: str | None) -> str | None:
    """Who acts: as given, else the login name of this session; None for an empty name, or if there is none."""
    if by is not None:
        return by.strip() or None
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return None


def given(value: str | None) -> str | None:
    """An option's text, if it is UTF-8."""
    return value if value is None else utf8(value)


def tell_act(found: "ActReport", name: str) -> None:
    """What an act did, for people."""
    names = list(found.customers)
    if not found.acts:
        say_wrapped(f"That was said before ({name} {' '.join(names)}); nothing was written.")
    else:
        is_retracted = name == "unlink" and found.acts[0]["act"] == "link"
        say_wrapped(_DONE["retract" if is_retracted else name].format(*names))
    for identifier in names:
        before, after = (", ".join(each[identifier]) or "nobody" for each in (found.customers_before, found.customers))
        say_wrapped(f"{identifier} is customer {after}" + ("" if before == after else f"; it was {before}"))
    if found.why is not None:
        tell_why(found.why)
        if name == "unlink" and found.why.customer_id is not None:
            say_wrapped("They still are one customer through others: unlink where that chain is wrong, too.")
    tell_report(found.run)


def act_object(found: "ActReport") -> dict[str, Any]:
    """What an act did, as one JSON object."""
    return {
        "acts": found.acts,
        "customers_before": found.customers_before,
        "customers": found.customers,
        "why": asdict(found.why) if found.why else None,
        "run": report_object(found.run),
    }


def _act(context: typer.Context, act: "Act", json: bool) -> None:
    from flows.identity.acts import act_on

    with progress(act.act) as tell:
        found = act_on(existing_home(context), act, tell)
    if json:
        emit(act_object(found))
    else:
        tell_act(found, act.act)


def _span(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    first, last = _day("--from", since), _day("--to", until)
    if first is not None and last is not None and first >= last:
        raise UsageError(f"--to '{until}' must be a later day than --from '{since}': the link holds before it")
    return first, last


def _day(option: str, text: str | None) -> datetime | None:
    """The UTC midnight of a day. Raises UsageError for what is no whole day."""
    if text is None:
        return None
    found = parse_instant(text)
    if found != found.replace(hour=0, minute=0, second=0, microsecond=0):
        raise UsageError(f"{option} '{text}' is no whole UTC day; write for example 2018-01-02")
    return found
