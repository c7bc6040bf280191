"""Real exports of service systems, whole: each record is loaded or refused, as an independent query says."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.collect.example_mappings import EXAMPLES
from schemas.table import literal
from tests.collect.staged import Staged, stage

CONVERSATIONS = Path(__file__).parents[3] / "shared" / "data" / "conversations"
EXPORTED_AT = "2021-04-01T00:00:00Z"
# file -> (mapping, time that decides whether a row can be loaded, names of the events)
EXPORTS = {
    "twilio_call_data": ("twilio_calls", "end_time", {"call_answered": 6, "call_missed": 2}),
    "twilio_message_data": ("twilio_messages", "updated_at", {"sms_delivered": 10}),
    "zendesk_ticket_data": ("zendesk_tickets", "created_at", {"ticket_created": 10}),
    "zendesk_ticket_comment_data": ("zendesk_comments", "created", {"ticket_comment_added": 20}),
    "zendesk_user_data": ("zendesk_users", "updated_at", {"identify": 9, "staff_updated": 1}),
    "zendesk_ticket_chat_data": ("zendesk_chats", "_fivetran_synced", {"chat_started": 10}),
    "zendesk_ticket_chat_event_data": (
        "zendesk_chat_events",
        "created_at",
        {
            "chat_message_sent": 5,
            "chat_message_received": 4,
            "chat_joined": 1,
            "chat_email_changed": 1,
            "chat_transferred": 1,
        },
    ),
}
pytestmark = pytest.mark.skipif(not CONVERSATIONS.is_dir(), reason="the folder shared/data/conversations is not there")


def queried(sql: str, *parameters: Any) -> list[Any]:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        return con.execute(sql, parameters).fetchall()


def table(name: str) -> str:
    return f"read_csv({literal(str(CONVERSATIONS / f'{name}.csv'))}, all_varchar = TRUE, header = TRUE)"


def loaded(name: str, *times: int) -> Staged:
    mapping = (EXAMPLES / f"{EXPORTS[name][0]}.toml").read_text(encoding="utf-8")
    content = (CONVERSATIONS / f"{name}.csv").read_bytes()
    return stage("table", *[content] * max(len(times), 1), mapping=mapping)


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_loaded_whole_but_for_rows_without_a_time(name: str) -> None:
    _, time, names = EXPORTS[name]
    ((received, timed),) = queried(f'SELECT COUNT(*), COUNT(TRY_CAST("{time}" AS TIMESTAMPTZ)) FROM {table(name)}')
    found = loaded(name)
    assert found.counts == {"f0": (received, timed)}
    assert len(found.interactions) == timed
    assert Counter(row["event_name"] for row in found.interactions) == names
    assert {code for _, code in found.codes()} <= {"wrong_type_occurred_at"}


def test_the_day_that_is_in_no_calendar_is_refused() -> None:
    assert loaded("twilio_call_data").codes() == [(4, "wrong_type_occurred_at")]


def test_messages_of_the_company_are_contacts_of_their_recipients() -> None:
    found = loaded("twilio_message_data")
    wanted = queried(
        f"SELECT id, 'phone:' || \"to\", updated_at::TIMESTAMPTZ FROM {table('twilio_message_data')} ORDER BY id"
    )
    assert sorted(found.rows("contact_id", "anchor", "occurred_at")) == wanted
    assert {row["text"] for row in found.interactions} == {None}
    assert {row["direction"] for row in found.interactions} == {"outbound"}


def test_calls_of_customers_are_theirs_and_no_contacts() -> None:
    found = loaded("twilio_call_data")
    assert set(found.rows("direction", "initiator", "anchor", "contact_id")) == {
        ("inbound", "customer", "phone:15555555555", None)
    }


def test_comments_belong_to_their_tickets_and_their_authors() -> None:
    found = loaded("zendesk_ticket_comment_data")
    wanted = queried(
        f"SELECT id, ticket_id, 'zendesk_id:' || user_id, body FROM {table('zendesk_ticket_comment_data')} ORDER BY id"
    )
    assert sorted(found.rows("event_id", "contact_id", "anchor", "text")) == wanted


def test_tickets_have_their_channels() -> None:
    found = loaded("zendesk_ticket_data")
    wanted = queried(f"SELECT via_channel, COUNT(*) FROM {table('zendesk_ticket_data')} GROUP BY ALL")
    assert Counter(row["channel"] for row in found.interactions) == dict(wanted)


def test_agents_among_the_users_are_no_customers() -> None:
    found = loaded("zendesk_user_data")
    (wanted,) = queried(f"SELECT COUNT(*) FILTER (WHERE role = 'end-user') FROM {table('zendesk_user_data')}")
    assert sum(bool(row["identifiers"]) for row in found.interactions) == wanted[0]


def test_who_spoke_in_a_chat_gives_its_direction() -> None:
    found = loaded("zendesk_ticket_chat_event_data")
    wanted = queried(
        f"""
        SELECT CASE WHEN regexp_full_match(actor_id, '[0-9]+') THEN 'customer'
            WHEN starts_with(actor_id, 'agent:') THEN 'company' ELSE 'machine' END AS who, COUNT(*)
        FROM {table("zendesk_ticket_chat_event_data")}
        GROUP BY who
        """
    )
    assert Counter(row["initiator"] for row in found.interactions) == dict(wanted)
    assert Counter(row["is_machine"] for row in found.interactions)[True] == dict(wanted)["machine"]


@pytest.mark.parametrize("name", EXPORTS)
def test_the_same_export_again_brings_nothing_new(name: str) -> None:
    once, twice = loaded(name), loaded(name, 1, 2)
    ids = {row["event_id"] for row in once.interactions}
    assert {row["event_id"] for row in twice.interactions} == ids
    assert len(ids) == len(once.interactions)


def abcd() -> str:
    return (CONVERSATIONS / "chat_abcd.json").read_text(encoding="utf-8")


def test_every_turn_of_the_abcd_conversations_is_an_interaction() -> None:
    turns = queried(
        """
        SELECT convo_id || '-' || place, turn[1], turn[2], email
        FROM (
            SELECT convo_id, scenario.personal ->> 'email' AS email, unnest(original) AS turn,
                generate_subscripts(original, 1) AS place
            FROM read_json(?, columns = {
                convo_id: 'VARCHAR', scenario: 'STRUCT(personal JSON)', original: 'VARCHAR[][]'
            })
        )
        """,
        str(CONVERSATIONS / "chat_abcd.json"),
    )
    found = stage("chat_transcript", f'{{"exported_at":"{EXPORTED_AT}","conversations":{abcd()}}}')
    assert found.counts == {"f0": (72, 72)}
    assert len(turns) == 72
    speakers = {"customer": "customer", "agent": "company", "action": "machine"}
    assert sorted(found.rows("event_id", "initiator", "text")) == sorted((i, speakers[s], t) for i, s, t, _ in turns)
    emails = {i: email for i, _, _, email in turns}
    for row in found.interactions:
        named = {i["value"] for i in row["identifiers"] if i["kind"] == "email"}
        assert named == ({emails[row["event_id"]]} - {None})
        assert (row["channel"], row["time_basis"]) == ("chat", "received")


def test_nothing_of_the_abcd_conversations_is_lost() -> None:
    found = stage("chat_transcript", f'{{"exported_at":"{EXPORTED_AT}","conversations":{abcd()}}}')
    whole = [json.loads(row["properties"]).get("conversation") for row in found.interactions]
    kept = [conversation for conversation in whole if conversation]
    assert kept == [{k: v for k, v in talk.items() if k != "original"} for talk in json.loads(abcd())]


def test_conversations_without_any_time_are_refused_turn_by_turn() -> None:
    found = stage("chat_transcript", abcd())
    assert found.counts == {"f0": (72, 0)}
    assert {code for _, code in found.codes()} == {"missing_time"}
