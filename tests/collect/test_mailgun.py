import json
from typing import Any

import pytest

from tests.collect.staged import stage

Event = dict[str, Any]


def event(**fields: Any) -> str:
    data = {"event": "opened", "id": "i1", "timestamp": 1521243339.873676, "recipient": "a@example.com", **fields}
    return json.dumps({"signature": {"timestamp": "1529006854", "token": "t", "signature": "s"}, "event-data": data})


def test_an_id_counts_within_its_day() -> None:
    sent = [event(), event(ip="192.0.2.1"), event(timestamp=1521243339.873676 + 86_400), event(id="i2")]
    found = {
        (row["event_id"], row["occurred_at"].date().isoformat())
        for row in stage("mailgun", "\n".join(sent)).interactions
    }
    assert found == {("i1-2018-03-16", "2018-03-16"), ("i1-2018-03-17", "2018-03-17"), ("i2-2018-03-16", "2018-03-16")}


def test_events_without_an_id_are_told_by_what_they_say() -> None:
    def old(**fields: str) -> str:
        return json.dumps({"event": "clicked", "recipient": "a@example.com", "timestamp": "1313082961", **fields})

    same = [old(url="x", **{"Message-Id": "<m>"}, token=token) for token in ("1", "2")]
    others = [
        old(url="y", **{"Message-Id": "<m>"}),
        old(url="x", **{"Message-Id": "<n>"}),
        old(code="1"),
        old(code="2"),
    ]
    staged = stage("mailgun", "\n".join([*same, *others]))
    assert len(staged.interactions) == 5
    assert {row["contact_id"] for row in staged.interactions} == {"m", "n", None}


@pytest.mark.parametrize(("bot", "is_machine"), [("apple", True), ("generic", True), ("", False), (None, False)])
def test_a_bot_that_mailgun_knows_is_a_machine(bot: str | None, is_machine: bool) -> None:
    staged = stage("mailgun", event(**{"client-info": {"bot": bot, "user-agent": "Mozilla/5.0 (X11)"}}))
    assert staged.rows("is_machine") == [(is_machine,)]


@pytest.mark.parametrize("variables", [[], "text", None, {"user_id": None}, 5])
def test_variables_of_another_shape_name_nobody(variables: Any) -> None:
    (row,) = stage("mailgun", event(**{"user-variables": variables})).interactions
    assert [i["kind"] for i in row["identifiers"]] == ["email"]
    assert json.loads(row["properties"])["user-variables"] == variables


def test_an_answer_meets_the_message_that_it_answers() -> None:
    mail = {"sender": "b@example.com", "timestamp": "1697074270", "token": "t", "body-plain": "Yes"}
    headers = json.dumps([["In-Reply-To", "<m@mg.example.com>"], ["From", "A <a@example.com>"]])
    message = {"headers": {"message-id": "m@mg.example.com"}}
    staged = stage("mailgun", "\n".join([event(message=message), json.dumps({**mail, "message-headers": headers})]))
    assert staged.rows("event_name", "contact_id", "anchor") == [
        ("email_opened", "m@mg.example.com", "email:a@example.com"),
        ("email_replied", "m@mg.example.com", "email:a@example.com"),
    ]
