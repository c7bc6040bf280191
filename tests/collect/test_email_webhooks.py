"""Requests that a well-known project recorded of four e-mail providers: their answers, and what becomes of them."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.collect.server import webhooks
from pipelines.collect.server.sources import Source, Sources
from tests.collect.recorded_mail import FOLDER, PROVIDERS, RECEIVED_AT, Recorded, answered, recorded
from tests.collect.server.running import running
from tests.collect.staged import Row, stage

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="../shared/data/email_webhooks is not here")

# The names that the recording project gives to events, and ours.
CANONICAL = {
    "queued": "email_sent",
    "sent": "email_sent",
    "delivered": "email_delivered",
    "deferred": "email_deferred",
    "bounced": "email_bounced",
    "rejected": "email_rejected",
    "failed": "email_failed",
    "opened": "email_opened",
    "clicked": "email_clicked",
    "complained": "email_complained",
    "unsubscribed": "email_unsubscribed",
    "subscribed": "email_subscribed",
    "inbound": "email_replied",
}


def cases(provider: str) -> list[Recorded]:
    return list(recorded(provider)) if FOLDER.exists() else []


def params() -> Iterator[Any]:
    for provider in PROVIDERS:
        for case in cases(provider):
            yield pytest.param(provider, case, id=f"{provider}-{case.name}")


@pytest.mark.parametrize(("provider", "case"), list(params()))
def test_a_recorded_request_is_answered_as_its_project_expects(provider: str, case: Recorded) -> None:
    status, line = answered(provider, case)
    assert status // 100 in ((2, 4) if case.status is None else (case.status // 100,))
    assert line is None or status == 200


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_recorded_event_becomes_an_interaction(provider: str) -> None:
    whole = cases(provider)
    lines = [line for case in whole if (line := answered(provider, case)[1])]
    staged = stage(provider, "".join(lines))
    assert staged.rejections == []
    # Two of its tests give one event of SendGrid different messages: copies of one event, of which one wins.
    rows = [*staged.interactions, *staged.losers]
    for case in whole:
        for event in case.events:
            found = [row for row in rows if is_event(provider, row, event["kind"], event["event"])]
            assert found, (case.name, event)
    # What the project gives no event for is of no known kind, or its own settings were wrong.
    known = {row["event_name"] for row in staged.interactions} - {f"{provider}_unknown"}
    assert known <= set(CANONICAL.values())


def is_event(provider: str, row: Row, kind: str, event: dict[str, Any]) -> bool:
    """Whether an interaction is the event that the project expects."""
    name = CANONICAL.get(event["event_type"], f"{provider}_unknown")
    is_told = is_received(row, event) if kind == "inbound" else is_tracked(provider, row, event)
    return row["event_name"] == name and is_told


def is_tracked(provider: str, row: Row, event: dict[str, Any]) -> bool:
    addresses = [i["value"] for i in row["identifiers"] if i["kind"] == "email"]
    return (
        addresses == ([event["recipient"]] if event["recipient"] else [])
        and event["message_id"] in messages(provider, row)
        and is_at(row, event["timestamp"])
    )


def messages(provider: str, row: Row) -> list[str | None]:
    """The id of a message in the project's forms: Mailgun's in brackets, of SendGrid its own argument or the header."""
    properties = json.loads(row["properties"])
    if provider == "mailgun":
        return [row["contact_id"] and f"<{row['contact_id']}>"]
    if provider == "sendgrid":
        return [properties.get("anymail_id") or properties.get("smtp-id")]
    return [row["contact_id"]]


def is_at(row: Row, timestamp: str | None) -> bool:
    """The time of the event; for Amazon SES the project gives the time at which SNS took it, our received_at."""
    return timestamp is None or datetime.fromisoformat(timestamp) in (row["occurred_at"], row["received_at"])


def is_received(row: Row, event: dict[str, Any]) -> bool:
    """Mail: its sender, to whom it went, and its time or the date that it bears, else when it came.

    The date stands in the message, or in a field beside it, which the project does not look at.
    """
    properties = row["properties"]
    own = [i["value"] for i in row["identifiers"]]
    # The sender of a mail that Amazon keeps elsewhere is known by its envelope; `test@…` names nobody.
    senders = [event["from"], event["envelope_sender"]]
    is_sender = all(any(address in (sender or "") for sender in senders) for address in own)
    if event["timestamp"]:
        is_time = is_at(row, event["timestamp"])
    elif event["date"]:
        is_time = row["occurred_at"] == datetime.fromisoformat(event["date"])
    else:
        is_time = row["occurred_at"] == RECEIVED_AT or '"Date"' in properties
    return is_sender and is_time and (event["envelope_recipient"] or "") in properties


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_collector_answers_recorded_requests_and_lands_what_the_connector_says(
    provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(webhooks, "_fetch", fetched.append)
    whole = cases(provider)
    # A source for each: one token comes in several requests.
    sources = Sources(tuple(Source(f"s{n}", provider, case.secrets) for n, case in enumerate(whole)))
    with running(tmp_path, sources) as collector:
        for number, case in enumerate(whole):
            headers = {name: value for name, value in case.request.headers.items() if value}
            path = f"/webhooks/{provider}/s{number}"
            assert collector.ask("POST", path, case.request.body, **headers).status == answered(provider, case)[0]
        landed = {source: line["body"] for source, line in collector.landed()}
    lines = {f"s{n}": answered(provider, case)[1] for n, case in enumerate(whole)}
    assert landed == {source: json.loads(line)["body"] for source, line in lines.items() if line}
    assert len(fetched) == (3 if provider == "amazon_ses" else 0)
