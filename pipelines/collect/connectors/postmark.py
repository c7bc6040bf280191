"""Postmark: webhooks, one event per request, and the inbound webhook.

Source: Postmark, Webhooks: Delivery, Bounce, Open, Click, Spam complaint, Subscription change, Inbound; Bounce types.
"""

import json
from dataclasses import replace

from pipelines.collect.connector import Connector, Field, Plan
from pipelines.collect.json_records import CONTENT, JsonFormat, first_sql
from pipelines.collect.mail import address_sql, first_text_sql
from pipelines.collect.mail_plan import CARRIED, MailRecord, hashed_id_sql, mail_plan, message_id_sql, rest_of_sql
from pipelines.collect.mime import MAIL, MAIL_FIELDS, header_list_sql, with_mail
from pipelines.collect.signatures import basic
from pipelines.collect.webhook import Request, Webhook, json_record
from schemas.table import literal, literals

_BOUNCES = {
    "HardBounce": "email_bounced",
    "SoftBounce": "email_bounced",
    "SpamNotification": "email_bounced",
    "VirusNotification": "email_bounced",
    "Transient": "email_deferred",
    "DnsError": "email_deferred",
    "OpenRelayTest": "email_deferred",
    "BadEmailAddress": "email_rejected",
    "Blocked": "email_rejected",
    "DMARCPolicy": "email_rejected",
    "ManuallyDeactivated": "email_rejected",
    "Unconfirmed": "email_rejected",
    "SMTPApiError": "email_failed",
    "TemplateRenderingFailed": "email_failed",
    "SpamComplaint": "email_complained",
    "Subscribe": "email_subscribed",
    "Unsubscribe": "email_unsubscribed",
}
# Answers that a program gave in the person's place: Postmark counts them among the bounces.
_AUTOMATIC = ("AutoResponder", "AddressChange", "ChallengeVerification")
# Why an address was suppressed -> what the change of the subscription tells.
_SUPPRESSIONS = {
    "HardBounce": "email_bounced",
    "SpamComplaint": "email_complained",
    "ManualSuppression": "email_unsubscribed",
}
_EVENTS = {
    "Delivery": "email_delivered",
    "Bounce": "email_bounced",
    "Open": "email_opened",
    "Click": "email_clicked",
    "SpamComplaint": "email_complained",
    "SubscriptionChange on": "email_subscribed",
    "Inbound": "email_replied",
    **{f"Bounce {kind}": name for kind, name in _BOUNCES.items()},
    **{f"Bounce {kind}": "email_replied" for kind in _AUTOMATIC},
    **{f"SubscriptionChange {reason}": name for reason, name in _SUPPRESSIONS.items()},
}
_MOMENTS = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")
_MAIL_SIGNS = ("FromFull", "OriginalRecipient", "TextBody", "Attachments", "RawEmail", MAIL)
_KNOWN = {
    "RecordType": "VARCHAR",
    "MessageID": "VARCHAR",
    "Email": "VARCHAR",
    "Recipient": "VARCHAR",
    **dict.fromkeys(_MOMENTS, "VARCHAR"),
    "Type": "VARCHAR",
    "SuppressSending": "VARCHAR",
    "SuppressionReason": "VARCHAR",
    "Origin": "VARCHAR",
    "UserAgent": "VARCHAR",
    "Metadata": "JSON",
    # Inbound mail.
    "FromFull": "JSON",
    "From": "VARCHAR",
    "OriginalRecipient": "VARCHAR",
    "Date": "VARCHAR",
    "TextBody": "VARCHAR",
    "StrippedTextReply": "VARCHAR",
    "Headers": "JSON",
    "Attachments": "JSON",
    "RawEmail": "VARCHAR",
    MAIL: "JSON",
}
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "v": ('r."Metadata"', CARRIED),
        "sender": ('r."FromFull"', {"Email": "VARCHAR"}),
        "m": (f"r.{MAIL}", MAIL_FIELDS),
    },
)


def _header(name: str) -> str:
    listed = header_list_sql('r."Headers"', name, ("Name", "Value"))
    return f"COALESCE({listed}, {header_list_sql('m.headers', name)})"


_IS_MAIL = " OR ".join(f'r."{name}" IS NOT NULL' for name in _MAIL_SIGNS)
# Requests of before 2018 do not name their type.
_TYPE = f"""CASE
    WHEN r."RecordType" <> '' THEN r."RecordType"
    WHEN {_IS_MAIL} THEN 'Inbound'
    WHEN r."DeliveredAt" IS NOT NULL THEN 'Delivery'
    WHEN r."BouncedAt" IS NOT NULL THEN 'Bounce'
    ELSE 'without a name'
END"""
_BOUNCE_TYPES = literals((*_BOUNCES, *_AUTOMATIC))
_KIND = f"""CASE {_TYPE}
    WHEN 'Bounce' THEN CASE WHEN r."Type" IN ({_BOUNCE_TYPES}) THEN 'Bounce ' || r."Type" ELSE 'Bounce' END
    WHEN 'SubscriptionChange' THEN
        concat('SubscriptionChange ', CASE r."SuppressSending" WHEN 'false' THEN 'on' ELSE r."SuppressionReason" END)
    ELSE {_TYPE}
END"""
_FROM = address_sql(first_text_sql(('r."From"', 'm."from"')))
_SENDER = f"COALESCE(nullif(sender.\"Email\", ''), {_FROM})"
_RECIPIENT = first_text_sql(('r."Email"', 'r."Recipient"'))
_MESSAGE = f"""CASE
    WHEN mail_kind <> 'Inbound' THEN r."MessageID"
    ELSE regexp_replace(
        {message_id_sql(first_text_sql((_header("In-Reply-To"), "m.in_reply_to")))}, '@mtasv\\.net$', ''
    )
END"""
_TEXT = first_text_sql(('r."StrippedTextReply"', 'r."TextBody"', "m.text"))
_IS_ARRAY = f"""{first_sql('r."Attachments"')} = '['"""
_FILES = """list_transform(
    from_json(r."Attachments", '["JSON"]'), lambda file: json_merge_patch(file, '{"Content":null,"Data":null}')
)"""


def _without_files(rest: str) -> str:
    """What is left of a mail, without the contents of its files."""
    listed = f"json_merge_patch({rest}, json_object('Attachments', {_FILES}))"
    return f"CASE WHEN {_IS_ARRAY} THEN {listed} ELSE {rest} END"


_PROPERTIES = f"""CASE
    WHEN mail_kind <> 'Inbound' THEN {rest_of_sql(("MessageID", "Email", "Recipient", *_MOMENTS))}
    WHEN r."StrippedTextReply" <> '' THEN {_without_files(rest_of_sql(("StrippedTextReply",)))}
    ELSE {_without_files(rest_of_sql(("TextBody",), {MAIL: ("text",)}))}
END"""
_SAID = MailRecord(
    kind=_KIND,
    names=_EVENTS,
    address=f"CASE WHEN mail_kind = 'Inbound' THEN {_SENDER} ELSE {_RECIPIENT} END",
    moment=first_text_sql(f'r."{name}"' for name in _MOMENTS),
    event_id=hashed_id_sql(
        "mail_kind", f"COALESCE(nullif(r.\"MessageID\", ''), {CONTENT})", "mail_address", "mail_moment"
    ),
    contact_id=_MESSAGE,
    properties=_PROPERTIES,
    carried={name: f"v.{name}" for name in CARRIED},
    date=first_text_sql(('r."Date"', "m.date")),
    text=f"CASE WHEN mail_kind = 'Inbound' THEN {_TEXT} END",
    user_agent='r."UserAgent"',
    auto_submitted=_header("Auto-Submitted"),
    is_machine=f"mail_kind IN ({', '.join(literal(f'Bounce {kind}') for kind in _AUTOMATIC)})",
    # Some bounces name no recipient.
    nameless="TRUE",
    texts=('r."MessageID"', 'r."Email"', 'r."Recipient"'),
    objects=('r."Metadata"',),
)


def _plan() -> Plan:
    """Subscriptions may be changed by the sender, too."""
    plan = mail_plan("postmark", _FORMAT, _SAID)
    by_company = """starts_with(mail_kind, 'SubscriptionChange') AND r."Origin" IN ('Customer', 'Admin')"""
    changed = {
        name: Field(f"CASE WHEN {by_company} THEN '{own}' ELSE {plan.fields[name].raw} END")
        for name, own in (("direction", "outbound"), ("initiator", "company"))
    }
    return replace(plan, fields={**plan.fields, **changed})


_PLAN = _plan()


def record(request: Request) -> bytes:
    """The event as it came; of a mail no contents of files, for a raw message what it says. Raises RefusedError."""
    text = json_record(request)
    payload = json.loads(text)
    if not isinstance(payload, dict) or not {"RawEmail", "Attachments"} & set(payload):
        return text
    if isinstance(files := payload.get("Attachments"), list):
        payload["Attachments"] = [_described(file) for file in files]
    raw = payload.get("RawEmail")
    if isinstance(raw, str):
        return with_mail(payload, "RawEmail", raw.encode("utf-8", "replace"))
    return json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace")


def _described(file: object) -> object:
    if not isinstance(file, dict):
        return file
    return {name: value for name, value in file.items() if name not in ("Content", "Data")}


CONNECTOR = Connector(
    doc="Postmark's webhooks, one event per request, and inbound mail",
    channels=("email",),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
    webhook=Webhook(secrets=(), check=basic, record=record),
)
