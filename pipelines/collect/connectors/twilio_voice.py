"""Twilio's calls: requests of the voice URL, status callbacks, and exports of the call resource.

Source: Twilio Docs, Voice: "TwiML for Programmable Voice" (request parameters), "Calls resource" (StatusCallback),
"Answering Machine Detection" (AsyncAmdStatusCallback), <Gather>, <Record>, <Transcription>, "Recordings resource"
(RecordingStatusCallback); "Webhooks: connection overrides and retries" (I-Twilio-Idempotency-Token).
"""

from pipelines.collect import twilio
from pipelines.collect.connector import Check, Connector, Field, Plan
from pipelines.collect.json_records import JsonFormat, is_nested_sql, rest_sql
from pipelines.collect.naming import cases_sql
from schemas.keys import key_sql

# Callbacks and requests write their fields so, the resource in small letters.
_FORM = {
    "CallSid": "VARCHAR",
    "CallStatus": "VARCHAR",
    "Direction": "VARCHAR",
    "From": "VARCHAR",
    "To": "VARCHAR",
    "Timestamp": "VARCHAR",
    "AnsweredBy": "VARCHAR",
    "Digits": "VARCHAR",
    "SpeechResult": "VARCHAR",
    "TranscriptionSid": "VARCHAR",
    "TranscriptionText": "VARCHAR",
    "TranscriptionEvent": "VARCHAR",
    "TranscriptionData": "VARCHAR",
    "SequenceId": "VARCHAR",
    "Track": "VARCHAR",
    "Final": "VARCHAR",
    "RecordingSid": "VARCHAR",
    "RecordingUrl": "VARCHAR",
    "RecordingStatus": "VARCHAR",
    "RecordingStartTime": "VARCHAR",
    "CallDuration": "VARCHAR",
    **dict.fromkeys(twilio.CARRIED, "VARCHAR"),
}
_RESOURCE = {
    "sid": "VARCHAR",
    "id": "VARCHAR",
    "status": "VARCHAR",
    "direction": "VARCHAR",
    "from": "VARCHAR",
    "to": "VARCHAR",
    "answered_by": "VARCHAR",
    "start_time": "VARCHAR",
    "end_time": "VARCHAR",
    "date_created": "VARCHAR",
    "created_at": "VARCHAR",
}
_KNOWN = {**_FORM, **_RESOURCE}
_FORMAT = JsonFormat(known=_FORM, nested={"e": ("CASE WHEN r IS NOT NULL THEN record END", _RESOURCE)}, batch="calls")

# Every call that was taken ends as `completed`, and that is the only callback unless more are asked for.
_OUTBOUND = {
    "queued": "call_placed",
    "initiated": "call_placed",
    "ringing": "call_placed",
    "in-progress": "call_delivered",
    "completed": "call_answered",
    "busy": "call_failed",
    "no-answer": "call_failed",
    "failed": "call_failed",
    "canceled": "call_dropped",
}
_INBOUND = {
    "queued": "call_started",
    "initiated": "call_started",
    "ringing": "call_started",
    "in-progress": "call_started",
    "completed": "call_answered",
    "busy": "call_missed",
    "no-answer": "call_missed",
    "failed": "call_missed",
    "canceled": "call_missed",
}
# <Record> asks for what comes next with the recording; a callback of a recorded call that ended holds it, too.
_IS_RECORD = 'r."RecordingUrl" IS NOT NULL AND r."CallDuration" IS NULL'
# What a call's detection and its real-time transcription tell comes without the call's status.
_IS_STATELESS = """(r."TranscriptionSid" IS NOT NULL OR r."RecordingStatus" IS NOT NULL
    OR (r."AnsweredBy" IS NOT NULL AND COALESCE(status, '') = ''))"""
# Of a real-time transcription only what the far end says, once it is final. The far end of a call is its inbound track:
# `From` of an inbound call, `To` of an outbound one (<Transcription>, "Track labels").
_SPOKEN = """CASE WHEN is_far_end AND json_valid(r."TranscriptionData")
    THEN r."TranscriptionData" ->> '$.transcript' END"""
# What has a column, and need not stay in properties besides.
_HAS_COLUMN = {"Timestamp", "SpeechResult", "TranscriptionText", "id", *twilio.CARRIED}
_KEPT = tuple(name for name in _KNOWN if name not in _HAS_COLUMN)
_KEPT_OF_CONTACT = tuple(name for name in _KEPT if name not in ("CallSid", "sid"))
# What tells the events of one status of a call apart.
_TELLING = ("TranscriptionSid", "TranscriptionEvent", "SequenceId", "RecordingSid", "SpeechResult", "Digits")

_RECORDS = f"""
    WITH records AS ({_FORMAT.records_sql()}),
    named AS (
        SELECT *, COALESCE(r.CallSid, e.sid, e.id) AS call_sid,
            lower(COALESCE(r.CallStatus, e.status)) AS status,
            lower(COALESCE(r.Direction, e.direction)) AS way,
            COALESCE(way IN ('inbound', 'trunking-originating'), FALSE) AS is_inbound,
            -- A leg that a call is connected to: whether an agent or a customer takes it, Twilio does not say.
            COALESCE(way = 'outbound-dial', FALSE) AS is_leg,
            COALESCE(r."From", e."from") AS caller,
            COALESCE(r."To", e."to") AS callee,
            COALESCE(r.AnsweredBy, e.answered_by) AS answered_by,
            -- A detection is made of outbound calls alone; what else comes without a direction may be of either.
            COALESCE(starts_with(way, 'outbound') OR r.AnsweredBy IS NOT NULL, FALSE) AS is_outbound,
            COALESCE(r.TranscriptionEvent = 'transcription-content' AND r.Track = 'inbound_track'
                AND lower(COALESCE(r.Final, 'true')) = 'true', FALSE) AS is_far_end
        FROM records
    )
    SELECT *, CASE
            WHEN is_leg THEN NULL
            WHEN is_inbound THEN caller
            ELSE callee
        END AS address,
        CASE
            WHEN r.TranscriptionEvent IS NOT NULL AND NOT is_far_end THEN 'call_transcription_changed'
            WHEN r.TranscriptionSid IS NOT NULL THEN 'call_transcribed'
            WHEN r.RecordingStatus IS NOT NULL OR ({_IS_RECORD}) THEN 'call_recorded'
            WHEN r.SpeechResult IS NOT NULL OR r.Digits IS NOT NULL THEN 'call_input_received'
            WHEN r.AnsweredBy IS NOT NULL AND COALESCE(status, '') = '' THEN 'call_answerer_detected'
            WHEN is_leg THEN 'call_forwarded'
            WHEN is_inbound THEN {cases_sql("status", _INBOUND, "'twilio_voice_unknown'")}
            ELSE {cases_sql("status", _OUTBOUND, "'twilio_voice_unknown'")}
        END AS event_name
    FROM named
"""
_PLAN = Plan(
    records=_RECORDS,
    fields={
        # A caller may press the same key twice: the token of the request tells both from one that is tried again.
        "event_id": Field(
            key_sql(
                "call_sid",
                "COALESCE(r.RecordingStatus, status, '')",
                *(f"COALESCE(r.{name}, '')" for name in _TELLING),
                f"CASE WHEN event_name = 'call_input_received' THEN COALESCE({twilio.REQUEST_ID}, '') ELSE '' END",
            )
        ),
        "event_name": Field("event_name"),
        "channel": Field("'call'"),
        "direction": Field("CASE WHEN is_inbound OR is_far_end THEN 'inbound' ELSE 'outbound' END"),
        "initiator": Field("CASE WHEN is_inbound OR is_far_end THEN 'customer' ELSE 'company' END"),
        "occurred_at": Field(
            "COALESCE(r.Timestamp, r.RecordingStartTime, e.end_time, e.start_time, e.date_created, e.created_at)",
            twilio.TIME,
        ),
        "received_at": Field("request_received_at"),
        "campaign_id": Field("r.campaign_id"),
        "offer_id": Field("r.offer_id"),
        "decision_id": Field("r.decision_id"),
        # Only a call of the company is a contact that can be answered.
        "contact_id": Field("CASE WHEN is_outbound AND NOT is_leg THEN call_sid END"),
        "text": Field(f"COALESCE(r.SpeechResult, r.TranscriptionText, {_SPOKEN})"),
        "properties": Field(
            f"CASE WHEN is_outbound AND NOT is_leg THEN {rest_sql(_KNOWN, _KEPT_OF_CONTACT)} "
            f"ELSE {rest_sql(_KNOWN, _KEPT)} END"
        ),
    },
    identifiers=(
        ("'user_id'", "r.user_id"),
        ("'phone'", twilio.number_sql("address")),
    ),
    # A voice box or a fax took the call.
    is_machine="COALESCE(starts_with(lower(answered_by), 'machine') OR lower(answered_by) = 'fax', FALSE)",
    checks=(
        Check(
            "missing_event_id",
            "COALESCE(call_sid, '') = ''",
            "there is no 'CallSid' and no 'sid'; check that the file holds Twilio's calls",
        ),
        Check(
            "missing_event_name",
            f"COALESCE(status, '') = '' AND NOT {_IS_STATELESS}",
            "there is no 'CallStatus' and no 'status'; check that the file holds Twilio's calls",
        ),
        Check(
            "wrong_type_text",
            # A transcription is a text that holds an object.
            is_nested_sql([f'r."{n}"' for n in _FORM if n != "TranscriptionData"] + [f'e."{n}"' for n in _RESOURCE]),
            "an id, a number or a text is an object or array; send the field once, as text",
        ),
    ),
)

CONNECTOR = Connector(
    doc="Twilio calls: requests of the voice URL, status callbacks, exports of the call resource",
    channels=("call",),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
    webhook=twilio.WEBHOOK,
)
