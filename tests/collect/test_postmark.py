import json
from typing import Any

import pytest

from tests.collect.staged import Row, stage

OPEN = {"RecordType": "Open", "MessageID": "m1", "Recipient": "a@example.com", "ReceivedAt": "2019-11-05T16:33:54.9Z"}


def rows(*payloads: dict[str, Any]) -> list[Row]:
    staged = stage("postmark", "\n".join(map(json.dumps, payloads)))
    assert staged.rejections == []
    return staged.interactions


def test_an_event_is_told_by_kind_message_address_and_time() -> None:
    other = [
        {"RecordType": "Click"},
        {"MessageID": "m2"},
        {"Recipient": "b@example.com"},
        {"ReceivedAt": "2019-11-05T16:33:54.8Z"},
    ]
    found = rows(OPEN, {**OPEN, "ReadSeconds": 5}, *({**OPEN, **change} for change in other))
    assert len(found) == 5


SUBSCRIPTIONS = [
    ({"SuppressSending": False}, "email_subscribed", "customer"),
    ({"SuppressSending": True, "SuppressionReason": "ManualSuppression"}, "email_unsubscribed", "customer"),
    ({"SuppressionReason": "ManualSuppression", "Origin": "Admin"}, "email_unsubscribed", "company"),
    ({"SuppressSending": True, "SuppressionReason": "SpamComplaint"}, "email_complained", "customer"),
    ({"SuppressSending": True, "SuppressionReason": "Surprise"}, "postmark_unknown", "company"),
    ({"SuppressSending": True}, "postmark_unknown", "company"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "name", "initiator"), SUBSCRIPTIONS, ids=[str(n) for n in range(len(SUBSCRIPTIONS))]
)
def test_a_changed_subscription_says_why_and_by_whom(change: dict[str, Any], name: str, initiator: str) -> None:
    payload = {"RecordType": "SubscriptionChange", "Recipient": "a@example.com", "ChangedAt": "2020-02-01T10:53:01Z"}
    (row,) = rows({**payload, "Origin": "Recipient", **change})
    assert (row["event_name"], row["initiator"]) == (name, initiator)


def test_requests_without_a_type_are_known_by_their_fields() -> None:
    found = rows(
        {"MessageID": "m1", "Recipient": "a@example.com", "DeliveredAt": "2014-08-01T13:28:10.2735393-04:00"},
        {"MessageID": "m1", "Email": "a@example.com", "Type": "HardBounce", "BouncedAt": "2014-08-01T13:28:10Z"},
        {"FromFull": {"Email": "a@example.com"}, "Date": "Wed, 11 Oct 2023 18:31:04 -0700"},
    )
    assert [row["event_name"] for row in found] == ["email_delivered", "email_bounced", "email_replied"]


def test_no_content_of_a_file_is_kept() -> None:
    files = [{"Name": "a.pdf", "Content": "c2VjcmV0"}, 5]
    mail = {"FromFull": {"Email": "a@example.com"}, "Date": "Wed, 11 Oct 2023 18:31:04 -0700", "Attachments": files}
    (row,) = rows(mail)
    assert json.loads(row["properties"])["Attachments"][0] == {"Name": "a.pdf"}


def test_an_answer_meets_the_message_that_it_answers() -> None:
    headers = [{"Name": "in-reply-to", "Value": "<m1@mtasv.net>"}]
    mail = {"FromFull": {"Email": "a@example.com"}, "Date": "Wed, 11 Oct 2023 18:31:04 -0700", "Headers": headers}
    assert {row["contact_id"] for row in rows(OPEN, mail)} == {"m1"}
