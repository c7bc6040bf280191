import json
from typing import Any

import pytest

from pipelines.collect.erased import RECORD
from tests.collect.landed import blanked
from tests.collect.staged import Staged, stage

PEOPLE = ("jane@example.com", "mary@example.com", "richard@example.com")
Message = dict[str, Any]


def mail(*recipients: str, **changes: Any) -> Message:
    return {
        "timestamp": "2017-08-05T00:40:02.012Z",
        "messageId": "m-1",
        "destination": list(recipients),
        "tags": {"campaign_id": ["k-1"], "user_id": ["u-1"]},
        **changes,
    }


def bounce(*recipients: str) -> Message:
    people = [{"emailAddress": address, "status": "5.1.1"} for address in recipients]
    return {
        "eventType": "Bounce",
        "mail": mail(*PEOPLE),
        "bounce": {"bouncedRecipients": people, "timestamp": "2017-08-05T00:41:02.669Z"},
    }


def wrapped(message: object) -> str:
    """A message as SNS delivers it."""
    text = message if isinstance(message, str) else json.dumps(message, indent=1) + "\n"
    return json.dumps(
        {"Type": "Notification", "MessageId": "s-1", "Message": text, "Timestamp": "2017-08-05T00:42:00Z"}
    )


def addresses(staged: Staged) -> list[list[str]]:
    return [[i["value"] for i in row["identifiers"] if i["kind"] == "email"] for row in staged.interactions]


@pytest.mark.parametrize("form", [json.dumps, wrapped, lambda message: json.dumps([message])])
def test_each_recipient_of_an_event_has_an_interaction(form: Any) -> None:
    staged = stage("amazon_ses", form(bounce("jane@example.com", "richard@example.com")))
    assert addresses(staged) == [["jane@example.com"], ["richard@example.com"]]
    assert staged.rows("element", "contact_id", "campaign_id") == [(0, "m-1", "k-1"), (1, "m-1", "k-1")]
    assert len({row["event_id"] for row in staged.interactions}) == 2


def test_an_event_on_the_whole_mail_is_one_of_each_who_got_it() -> None:
    staged = stage("amazon_ses", json.dumps({"eventType": "Send", "mail": mail(*PEOPLE)}))
    assert addresses(staged) == [[address] for address in PEOPLE]
    assert all("destination" not in json.loads(row["properties"])["mail"] for row in staged.interactions)


def test_a_user_named_by_a_tag_is_nobody_where_several_got_the_mail() -> None:
    messages = [
        {"eventType": "Send", "mail": mail(*people, messageId=f"to {len(people)}")}
        for people in (PEOPLE[:1], PEOPLE[:2])
    ]
    staged = stage("amazon_ses", "\n".join(map(json.dumps, [*messages, bounce("jane@example.com")])))
    users = [[i["value"] for i in row["identifiers"] if i["kind"] == "user_id"] for row in staged.interactions]
    assert users == [["u-1"], [], [], []]


def test_raw_and_wrapped_messages_are_the_same_event() -> None:
    message = bounce("jane@example.com")
    staged = stage("amazon_ses", json.dumps(message), wrapped(message))
    assert len(staged.interactions) == 1
    assert len(staged.losers) == 1


def topics(*states: str, is_out: bool = False) -> Message:
    status = [{"topicName": str(n), "subscriptionStatus": state} for n, state in enumerate(states)]
    return {"newTopicPreferences": {"unsubscribeAll": is_out, "topicSubscriptionStatus": status}}


SUBSCRIPTIONS: list[tuple[Message, str]] = [
    (topics(is_out=True), "email_unsubscribed"),
    (topics("OptIn", "OptOut"), "email_unsubscribed"),
    (topics("OptIn", "OptIn"), "email_subscribed"),
]


@pytest.mark.parametrize(("preferences", "expected"), SUBSCRIPTIONS, ids=["all", "one", "none"])
def test_leaving_a_topic_or_all_is_an_unsubscribe(preferences: Message, expected: str) -> None:
    message = {
        "eventType": "Subscription",
        "mail": mail("jane@example.com"),
        "subscription": {"timestamp": "2022-01-12T01:00:17.910Z", **preferences},
    }
    assert stage("amazon_ses", json.dumps(message)).rows("event_name") == [(expected,)]


def test_a_complaint_that_is_taken_back_is_none() -> None:
    def complaint(kind: str) -> Message:
        people = [{"emailAddress": "jane@example.com"}]
        return {
            "eventType": "Complaint",
            "mail": mail(*PEOPLE),
            "complaint": {
                "complainedRecipients": people,
                "complaintFeedbackType": kind,
                "timestamp": "2017-08-05T00:41:02Z",
            },
        }

    staged = stage("amazon_ses", "\n".join(json.dumps(complaint(kind)) for kind in ("abuse", "not-spam")))
    assert staged.rows("event_name") == [("email_complained",), ("amazon_ses_unknown",)]


@pytest.mark.parametrize("form", [json.dumps, wrapped])
@pytest.mark.parametrize("event", ["Bounce", "Send"])
def test_one_recipient_can_be_blanked_and_the_others_keep_their_places(form: Any, event: str) -> None:
    # The mail of a bounce names all who got it, so only those that bounced are named here.
    message = {**bounce(*PEOPLE), "mail": mail()} if event == "Bounce" else {"eventType": "Send", "mail": mail(*PEOPLE)}
    content = (json.dumps({"eventType": "Send", "mail": mail("a@example.com")}) + "\n" + form(message)).encode()
    before = stage("amazon_ses", content)
    after, report = blanked(content, [(2, 1)], connector="amazon_ses")
    assert (report.blanked, report.by_needle) == (1, ())
    assert b"mary@example.com" not in after
    assert RECORD.encode() in after
    again = stage("amazon_ses", after)
    received, accepted = before.counts["f0"]
    assert again.counts == {"f0": (received, accepted - 1)}
    assert again.suppressed == {"f0": 1}
    kept = {place: row for place, row in before.verdicts().items() if place != (2, 1)}
    assert {place: row["event_id"] for place, row in again.verdicts().items()} == {
        place: row["event_id"] for place, row in kept.items()
    }


def test_all_recipients_go_where_the_message_names_one_who_is_erased() -> None:
    content = (wrapped(bounce("jane@example.com", "mary@example.com")) + "\n").encode()
    after, report = blanked(content, [], [b"richard@example.com"], connector="amazon_ses")
    assert report.by_needle == ((1, 0), (1, 1))
    assert b"@example.com" not in after
    assert stage("amazon_ses", after).suppressed == {"f0": 2}


WRAPPINGS = ["", " ", "{", "7", "[]", "null", '"x"', "{}", " {} ", '{"a":1', '{"eventType":"Send"} x', "\n"]


@pytest.mark.parametrize("text", WRAPPINGS, ids=[str(n) for n in range(len(WRAPPINGS))])
def test_a_message_that_is_no_event_of_ses_is_kept_as_unknown(text: str) -> None:
    staged = stage("amazon_ses", wrapped(text))
    assert staged.rows("event_name", "time_basis") == [("amazon_ses_unknown", "sent")]
