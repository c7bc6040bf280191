"""Amazon Connect's contact records, delivered at least once and again with each change.

Source: Amazon Connect Administrator Guide, "Contact records data model"; API Reference, "Contact" (InitiationMethod,
AnsweringMachineDetectionStatus). Connect sends them through Kinesis or Firehose: let the stream end each record with a
newline. Nothing is signed.
"""

from pipelines.collect.connector import Check, Connector, Field, Plan
from pipelines.collect.json_records import JsonFormat, first_sql, is_nested_sql, is_no_object_sql, rest_sql
from pipelines.collect.naming import cases_sql
from pipelines.collect.signatures import BASIC, basic
from pipelines.collect.webhook import Webhook
from schemas.table import literal, literals

_KNOWN = {
    "ContactId": "VARCHAR",
    "id": "VARCHAR",
    "time": "VARCHAR",
    "Channel": "VARCHAR",
    "InitiationMethod": "VARCHAR",
    "InitiationTimestamp": "VARCHAR",
    "ConnectedToSystemTimestamp": "VARCHAR",
    "LastUpdateTimestamp": "VARCHAR",
    "CustomerId": "VARCHAR",
    "AnsweringMachineDetectionStatus": "VARCHAR",
    "CustomerEndpoint": "JSON",
    "Attributes": "JSON",
    "Campaign": "JSON",
    "Agent": "JSON",
    "Queue": "JSON",
    "SegmentAttributes": "JSON",
}
# Kinds of identifiers that a flow may set as contact attributes.
_ID_KINDS = ("user_id", "customer_id", "household_id", "loyalty_id", "email", "phone")
_CARRIED = ("campaign_id", "offer_id", "decision_id")
_SUBTYPE = """json_extract_string(r.SegmentAttributes, '$."connect:Subtype".ValueString')"""
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "customer": ("r.CustomerEndpoint", {"Address": "VARCHAR", "Type": "VARCHAR"}),
        "a": ("r.Attributes", dict.fromkeys((*_ID_KINDS, *_CARRIED), "VARCHAR")),
        "campaign": ("r.Campaign", {"CampaignId": "VARCHAR"}),
    },
)
_CHANNELS = {"VOICE": "call", "CHAT": "chat", "TASK": "task", "EMAIL": "email"}
_SUBTYPES = {"connect:SMS": "sms", "connect:WhatsApp": "whatsapp"}
# The company began these; a callback was asked for by the customer. `API` begins a chat for a customer, a call for us;
# `FLOW` an e-mail that a flow sends.
_OUTBOUND = ("OUTBOUND", "CALLBACK", "EXTERNAL_OUTBOUND", "AGENT_REPLY", "CAMPAIGN")
# What detection hears: a number that cannot be reached, or nobody who takes the call; a voice box or a fax that does.
_UNREACHED = ("SIT_TONE_DETECTED", "SIT_TONE_BUSY", "SIT_TONE_INVALID_NUMBER", "AMD_UNANSWERED")
_MACHINES = ("VOICEMAIL_BEEP", "VOICEMAIL_NO_BEEP", "FAX_MACHINE_DETECTED")


def _is_there(value: str) -> str:
    return f"COALESCE({first_sql(value)} = '{{', FALSE)"


def _is_heard(statuses: tuple[str, ...]) -> str:
    return f"COALESCE(r.AnsweringMachineDetectionStatus IN ({literals(statuses)}), FALSE)"


# Microseconds: with and without a fraction, the texts of two times do not sort as the times do.
_VERSION = "epoch_us(TRY_CAST(r.LastUpdateTimestamp AS TIMESTAMPTZ))::VARCHAR"
_RECORDS = f"""
    WITH records AS ({_FORMAT.records_sql()}),
    placed AS (
        SELECT *, CASE WHEN r.ContactId IS NOT NULL
                THEN COALESCE({cases_sql(_SUBTYPE, _SUBTYPES)}, {cases_sql("upper(r.Channel)", _CHANNELS)})
            END AS known_channel,
            upper(r.InitiationMethod) AS method,
            COALESCE(method IN ({literals(_OUTBOUND)}) OR known_channel = 'task'
                OR (method = 'API' AND known_channel = 'call') OR (method = 'FLOW' AND known_channel = 'email'), FALSE)
                AS is_outbound,
            nullif(r.ConnectedToSystemTimestamp, '') IS NOT NULL AND NOT {_is_heard(_UNREACHED)} AS is_connected
        FROM records
    )
    SELECT *, CASE
            WHEN known_channel IS NULL THEN 'amazon_connect_unknown'
            WHEN known_channel = 'task' THEN 'task_ended'
            WHEN method = 'MONITOR' THEN known_channel || '_monitored'
            WHEN method = 'AGENT_REPLY' THEN known_channel || '_message_sent'
            WHEN is_outbound AND known_channel <> 'call' THEN known_channel || '_sent'
            WHEN is_outbound AND is_connected THEN 'call_answered'
            WHEN is_outbound THEN 'call_failed'
            WHEN known_channel = 'email' THEN 'email_replied'
            WHEN {_is_there("r.Agent")} THEN known_channel || '_answered'
            WHEN {_is_there("r.Queue")} THEN known_channel || '_missed'
            ELSE known_channel || '_ended'
        END AS event_name
    FROM placed
"""
# Only what the company began of itself is a contact that can be answered.
_IS_CONTACT = "is_outbound AND known_channel <> 'task' AND method NOT IN ('CALLBACK', 'AGENT_REPLY')"
_KEPT = tuple(name for name in _KNOWN if name not in ("ContactId", "id", "time"))
_PLAN = Plan(
    records=_RECORDS,
    fields={
        "event_id": Field("COALESCE(r.ContactId, r.id)"),
        "source_version": Field(_VERSION),
        "event_name": Field("event_name"),
        "channel": Field("COALESCE(known_channel, 'call')"),
        "direction": Field("CASE WHEN is_outbound OR method = 'MONITOR' THEN 'outbound' ELSE 'inbound' END"),
        "initiator": Field(
            "CASE WHEN method = 'CALLBACK' THEN 'customer' "
            "WHEN is_outbound OR method = 'MONITOR' THEN 'company' ELSE 'customer' END"
        ),
        "occurred_at": Field("COALESCE(r.InitiationTimestamp, r.time)"),
        "received_at": Field("request_received_at"),
        "campaign_id": Field("COALESCE(a.campaign_id, campaign.CampaignId)"),
        "offer_id": Field("a.offer_id"),
        "decision_id": Field("a.decision_id"),
        "contact_id": Field(f"CASE WHEN {_IS_CONTACT} THEN r.ContactId END"),
        "properties": Field(rest_sql(_KNOWN, _KEPT)),
    },
    identifiers=(
        ("'customer_id'", "r.CustomerId"),
        ("'phone'", "CASE WHEN customer.Type = 'TELEPHONE_NUMBER' THEN customer.Address END"),
        ("'email'", "CASE WHEN customer.Type = 'EMAIL_ADDRESS' THEN customer.Address END"),
        *((literal(kind), f"a.{kind}") for kind in _ID_KINDS),
    ),
    is_machine=_is_heard(_MACHINES),
    checks=(
        Check(
            "missing_event_id",
            "COALESCE(r.ContactId, r.id, '') = ''",
            "'ContactId' is missing; check that the file holds contact records, one on each line",
        ),
        Check(
            "wrong_type_object",
            is_no_object_sql(f"r.{n}" for n in ("CustomerEndpoint", "Attributes", "Agent", "Queue", "Campaign")),
            "'CustomerEndpoint', 'Attributes', 'Agent', 'Queue' or 'Campaign' is no object; send the record as it came",
        ),
        Check(
            "wrong_type_text",
            is_nested_sql(
                [
                    *(f"r.{name}" for name, kind in _KNOWN.items() if kind == "VARCHAR"),
                    *(f"a.{name}" for name in (*_ID_KINDS, *_CARRIED)),
                    "customer.Address",
                ]
            ),
            "an id, a time or an address is an object or array; send it as text",
        ),
        Check(
            "wrong_type_source_version",
            "nullif(r.LastUpdateTimestamp, '') IS NOT NULL AND TRY_CAST(r.LastUpdateTimestamp AS TIMESTAMPTZ) IS NULL",
            "'LastUpdateTimestamp' is no time in ISO 8601; without it the newest copy cannot be told",
        ),
    ),
)

CONNECTOR = Connector(
    doc="Amazon Connect contact records: calls, chats, tasks, e-mails; the newest copy of a contact wins",
    channels=("call", "chat", "sms", "whatsapp", "email", "task"),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
    webhook=Webhook(secrets=BASIC, check=basic),
)
