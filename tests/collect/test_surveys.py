"""Surveys (Delighted, Typeform, SatisMeter): upserts by id, scores and texts, who answers, signatures."""

import base64
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.collect.connectors import connectors
from pipelines.collect.webhook import RefusedError, Request
from tests.collect.staged import Staged, stage

SURVEYS = ("delighted", "typeform", "satismeter")
AT = "2025-03-01T10:00:00Z"


def staged(name: str, *lines: Any) -> Staged:
    return stage(name, "".join(json.dumps(line) + "\n" for line in lines))


def response(**said: Any) -> dict[str, Any]:
    return {"id": "1", "person": "7", "score": 4, "created_at": 1740823200, "updated_at": 1740823200, **said}


def test_a_response_of_delighted_is_one_event_whose_newest_version_counts() -> None:
    first = {"event_type": "survey_response.created", "event_id": "a", "event_data": response()}
    changed = response(score=9, comment="better", updated_at=1740823201)
    second = {"event_type": "survey_response.updated", "event_id": "b", "event_data": changed}
    for lines in ((first, second), (second, first), (first, changed)):
        found = staged("delighted", *lines)
        assert found.rows("event_id", "score", "text") == [("response:1", 9.0, "better")]
        assert [row["score"] for row in found.losers] == [4.0]


def test_versions_of_delighted_are_compared_as_numbers() -> None:
    old, new = response(updated_at=999_999_999, score=1), response(updated_at=1_000_000_000, score=2)
    assert staged("delighted", new, old).rows("score") == [(2.0,)]


def test_an_unsubscribe_from_surveys_is_no_objection_to_marketing() -> None:
    row = staged("delighted", {"person_id": "7", "email": "ann@example.com", "unsubscribed_at": 1740823200}).accepted()
    (said,) = json.loads(row["consents"])
    assert (row["event_name"], said["purpose"], said["status"]) == ("survey_unsubscribed", "surveys", "denied")


def answered(*answers: tuple[str, Any], **said: Any) -> dict[str, Any]:
    listed = [{"type": "number", "number": number, "field": {"type": kind}} for kind, number in answers]
    form = {"token": "t", "submitted_at": AT, "landed_at": AT, "answers": listed, **said}
    return {"event_id": "e", "event_type": "form_response", "form_response": form}


@pytest.mark.parametrize(
    ("answers", "score"),
    [
        ([("nps", 10)], 10.0),
        ([("rating", 3), ("nps", 0)], 0.0),
        ([("rating", 3), ("opinion_scale", 7)], 7.0),
        ([("rating", 3), ("rating", 5)], 3.0),
        ([("number", 3)], None),
        ([], None),
    ],
    ids=str,
)
def test_the_score_is_that_of_the_question_that_asks_most_plainly(answers: Any, score: float | None) -> None:
    assert staged("typeform", answered(*answers)).accepted()["score"] == score


def test_hidden_fields_named_as_kinds_of_identifiers_identify() -> None:
    hidden = {"user_id": "u", "loyalty_id": "l", "email": "Ann@Example.com", "offer_id": "o", "theme": "dark"}
    row = staged("typeform", answered(hidden=hidden)).accepted()
    assert {(one["kind"], one["value"]) for one in row["identifiers"]} == {
        ("user_id", "u"), ("loyalty_id", "l"), ("email", "ann@example.com"),
    }  # fmt: skip
    assert row["offer_id"] == "o"


def test_a_response_of_typeform_is_one_event_by_webhook_and_by_export() -> None:
    by_webhook = answered(("nps", 9))
    export = {"items": [{**by_webhook["form_response"], "response_type": "completed"}], "total_items": 1}
    found = staged("typeform", by_webhook, export, {**by_webhook, "event_id": "again"})
    assert found.rows("event_id") == [("response:t",)]


def test_a_response_that_was_begun_is_another_event_than_the_whole_one() -> None:
    begun = {**answered(submitted_at=None), "event_id": "begun"}
    found = staged("typeform", begun, answered())
    assert found.rows("event_name") == [("survey_partially_answered",), ("survey_answered",)]


def test_a_survey_of_satismeter_without_a_rating_has_the_score_of_its_first_scale() -> None:
    said = {
        "id": "1",
        "created": AT,
        "answers": [{"value": "no number"}, {"value": 2}, {"value": 5}],
        "user": {"id": "a"},
    }
    assert staged("satismeter", {"event": "completed", "response": said}).accepted()["score"] == 2.0
    assert staged("satismeter", {"event": "completed", "response": {**said, "rating": 0}}).accepted()["score"] == 0.0


def test_a_dismissed_survey_is_not_an_answer() -> None:
    said = {"id": "1", "created": AT, "rating": None, "dismissed": True, "user": {"userId": "u"}}
    found = staged("satismeter", {"responses": [said, {**said, "id": "2", "rating": 3}]})
    assert found.rows("event_name", "score") == [("survey_dismissed", None), ("survey_answered", 3.0)]


@pytest.mark.parametrize("name", SURVEYS)
def test_an_object_of_another_kind_is_kept_as_unknown(name: str) -> None:
    line = {"rapport_request": {"received_at": AT, "headers": {}}, "body": {"event_type": "x", "event": "x", "a": [1]}}
    row = staged(name, line).accepted()
    assert (row["event_name"], json.loads(row["properties"])["a"]) == (f"{name}_unknown", [1])


def sign(name: str, secret: bytes, body: bytes) -> dict[str, str]:
    digest = hmac.digest(secret, body, "sha256")
    return {
        "delighted": {"x-delighted-webhook-signature": f"sha256={digest.hex()}"},
        "typeform": {"typeform-signature": f"sha256={base64.b64encode(digest).decode()}"},
        "satismeter": {"authorization": "Basic " + base64.b64encode(b"rapport:" + secret).decode()},
    }[name]


@pytest.mark.parametrize("name", SURVEYS)
def test_only_requests_that_carry_the_secret_are_taken(name: str) -> None:
    webhook = connectors()[name].webhook
    assert webhook is not None
    secrets = {"secret": "shhh", "username": "rapport", "password": "shhh"}

    def asked(headers: dict[str, str]) -> Request:
        return Request("POST", f"https://example.com/webhooks/{name}", headers, b"{}", datetime(2025, 3, 1, tzinfo=UTC))

    assert webhook.check(asked(sign(name, b"shhh", b"{}")), secrets) is None
    for headers in ({}, sign(name, b"guess", b"{}")):
        with pytest.raises(RefusedError):
            webhook.check(asked(headers), secrets)
