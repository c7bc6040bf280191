"""Twilio's messages: status callbacks, inbound messages, and exports of the message resource.

Source: Twilio Docs, Messaging: "Twilio's Request to your Incoming Message Webhook URL", "Track the Message Status of
Outbound Messages", "Messages resource", "Customize opt-out keywords".
"""

from pipelines.collect import twilio
from pipelines.collect.connector import Check, Connector, Field, Plan
from pipelines.collect.json_records import JsonFormat, is_nested_sql, rest_sql
from pipelines.collect.naming import cases_sql
from schemas.keys import key_sql
from schemas.table import literals

# Callbacks and requests write their fields so, the resource in small letters.
_FORM = {
    "MessageSid": "VARCHAR",
    "SmsSid": "VARCHAR",
    "SmsMessageSid": "VARCHAR",
    "MessageStatus": "VARCHAR",
    "SmsStatus": "VARCHAR",
    "From": "VARCHAR",
    "To": "VARCHAR",
    "Body": "VARCHAR",
    "OptOutType": "VARCHAR",
    "OriginalRepliedMessageSid": "VARCHAR",
    **dict.fromkeys(twilio.CARRIED, "VARCHAR"),
}
_RESOURCE = {
    "sid": "VARCHAR",
    "id": "VARCHAR",
    "status": "VARCHAR",
    "direction": "VARCHAR",
    "from": "VARCHAR",
    "to": "VARCHAR",
    "body": "VARCHAR",
    "date_created": "VARCHAR",
    "date_sent": "VARCHAR",
    "date_updated": "VARCHAR",
    "created_at": "VARCHAR",
    "updated_at": "VARCHAR",
}
_KNOWN = {**_FORM, **_RESOURCE}
_FORMAT = JsonFormat(
    known=_FORM, nested={"e": ("CASE WHEN r IS NOT NULL THEN record END", _RESOURCE)}, batch="messages"
)

_SIGNS = {
    "accepted": "processed",
    "scheduled": "processed",
    "queued": "processed",
    "sending": "processed",
    "sent": "sent",
    "delivered": "delivered",
    "partially_delivered": "delivered",  # to some of a group
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "dropped",
    "read": "opened",
}
_CHANNELS = {"whatsapp": "whatsapp", "messenger": "chat"}
# The keywords that Twilio takes for an opt-out or opt-in by itself; `YES` answers too much else.
_STOP = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT")
_START = ("START", "UNSTOP")
# What has a column, and need not stay in properties besides; of both numbers one is the company's.
_IDS = ("MessageSid", "SmsSid", "SmsMessageSid", "sid", "id", "OriginalRepliedMessageSid")
_KEPT = tuple(name for name in _KNOWN if name not in (*_IDS, *twilio.CARRIED, "Body", "body"))


_WORD = "regexp_replace(upper(message), '[^A-Z]', '', 'g')"
_INBOUND_SIGN = f"""CASE
    WHEN upper(r.OptOutType) = 'STOP' THEN 'unsubscribed'
    WHEN upper(r.OptOutType) = 'START' THEN 'subscribed'
    WHEN r.OptOutType IS NULL AND {_WORD} IN ({literals(_STOP)}) THEN 'unsubscribed'
    WHEN r.OptOutType IS NULL AND {_WORD} IN ({literals(_START)}) THEN 'subscribed'
    ELSE 'replied'
END"""
_RECORDS = f"""
    WITH records AS ({_FORMAT.records_sql()}),
    named AS (
        SELECT *, COALESCE(r.MessageSid, r.SmsSid, r.SmsMessageSid, e.sid, e.id) AS message_sid,
            lower(COALESCE(r.MessageStatus, r.SmsStatus, e.status)) AS status,
            COALESCE(r."From", e."from") AS sender,
            COALESCE(r."To", e."to") AS recipient,
            COALESCE(r.Body, e.body) AS message,
            COALESCE(status IN ('received', 'receiving'), FALSE) OR COALESCE(starts_with(e.direction, 'inbound'), FALSE)
                OR r.OptOutType IS NOT NULL AS is_inbound
        FROM records
    ),
    placed AS (
        SELECT *, CASE WHEN is_inbound THEN sender ELSE recipient END AS address,
            {cases_sql("regexp_extract(address, '^([a-z]+):', 1)", _CHANNELS, "'sms'")} AS channel,
            CASE WHEN is_inbound THEN {_INBOUND_SIGN} ELSE {cases_sql("status", _SIGNS, "NULL")} END AS sign
        FROM named
    )
    SELECT *, COALESCE(channel || '_' || sign, 'twilio_sms_unknown') AS event_name
    FROM placed
"""
_PLAN = Plan(
    records=_RECORDS,
    fields={
        # An inbound message happens once; an outbound one goes through its statuses.
        "event_id": Field(f"CASE WHEN is_inbound THEN message_sid ELSE {key_sql('message_sid', 'status')} END"),
        "event_name": Field("event_name"),
        "channel": Field("channel"),
        "direction": Field("CASE WHEN is_inbound OR sign = 'opened' THEN 'inbound' ELSE 'outbound' END"),
        "initiator": Field("CASE WHEN is_inbound OR sign = 'opened' THEN 'customer' ELSE 'company' END"),
        "occurred_at": Field(
            """CASE
                WHEN is_inbound OR sign IN ('sent', 'processed')
                THEN COALESCE(e.date_sent, e.date_created, e.created_at)
                ELSE COALESCE(e.date_updated, e.updated_at, e.date_sent, e.date_created, e.created_at)
            END""",
            twilio.TIME,
        ),
        "received_at": Field("request_received_at"),
        "campaign_id": Field("r.campaign_id"),
        "offer_id": Field("r.offer_id"),
        "decision_id": Field("r.decision_id"),
        # An inbound message belongs to a contact only where it says which message it answers.
        "contact_id": Field("CASE WHEN is_inbound THEN r.OriginalRepliedMessageSid ELSE message_sid END"),
        "text": Field("CASE WHEN is_inbound THEN message END"),
        # What the company wrote is no text of the customer.
        "properties": Field(
            f"CASE WHEN is_inbound THEN {rest_sql(_KNOWN, _KEPT)} ELSE {rest_sql(_KNOWN, (*_KEPT, 'Body', 'body'))} END"
        ),
    },
    identifiers=(
        ("'user_id'", "r.user_id"),
        ("'phone'", twilio.number_sql("address")),
        ("'messenger_id'", "CASE WHEN starts_with(address, 'messenger:') THEN substr(address, 11) END"),
    ),
    checks=(
        Check(
            "missing_event_id",
            "COALESCE(message_sid, '') = ''",
            "there is no 'MessageSid' and no 'sid'; check that the file holds Twilio's messages",
        ),
        Check(
            "missing_event_name",
            "COALESCE(status, '') = '' AND NOT is_inbound",
            "there is no 'MessageStatus' and no 'status'; check that the file holds Twilio's messages",
        ),
        Check(
            "wrong_type_text",
            is_nested_sql([*(f'r."{name}"' for name in _FORM), *(f'e."{name}"' for name in _RESOURCE)]),
            "an id, a number or a text is an object or array; send the field once, as text",
        ),
    ),
)

CONNECTOR = Connector(
    doc="Twilio messages (SMS, WhatsApp): status callbacks, inbound messages, exports of the message resource",
    channels=("sms", "whatsapp", "chat"),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
    webhook=twilio.WEBHOOK,
)
