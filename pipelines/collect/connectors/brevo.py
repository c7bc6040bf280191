"""Brevo: transactional and marketing webhooks, and inbound mail.

Source: Brevo, Transactional webhooks, Marketing webhooks, Inbound parse webhooks, Secure webhook calls.
"""

from pipelines.collect.json_records import JsonFormat
from pipelines.collect.mail import first_text_sql
from pipelines.collect.mail_checks import BEARER, token_or_basic
from pipelines.collect.mail_plan import (
    CARRIED,
    EPOCH,
    MailRecord,
    hashed_id_sql,
    json_text_sql,
    mail_connector,
    object_header_sql,
    rest_of_sql,
)
from pipelines.collect.webhook import Webhook
from schemas.keys import key_sql

_EVENTS = {
    "request": "email_sent",
    "delivered": "email_delivered",
    "deferred": "email_deferred",
    "hard_bounce": "email_bounced",
    "soft_bounce": "email_bounced",
    "invalid_email": "email_bounced",
    "blocked": "email_rejected",
    "error": "email_failed",
    "opened": "email_opened",
    "unique_opened": "email_opened",
    "proxy_open": "email_opened",
    "unique_proxy_open": "email_opened",
    "click": "email_clicked",
    "spam": "email_complained",
    "complaint": "email_complained",
    "unsubscribe": "email_unsubscribed",
    "unsubscribed": "email_unsubscribed",
    "list_addition": "email_subscribed",
    "inbound": "email_replied",
}
_KNOWN = {
    "event": "VARCHAR",
    "email": "VARCHAR",
    "message-id": "VARCHAR",
    "ts_epoch": "VARCHAR",
    "ts_event": "VARCHAR",
    "ts": "VARCHAR",
    "link": "VARCHAR",
    "URL": "VARCHAR",
    "camp_id": "VARCHAR",
    "user_agent": "VARCHAR",
    "X-Mailin-custom": "VARCHAR",
    # Inbound mail.
    "Uuid": "JSON",
    "MessageId": "VARCHAR",
    "InReplyTo": "VARCHAR",
    "From": "JSON",
    "SentAtDate": "VARCHAR",
    "RawTextBody": "VARCHAR",
    "Headers": "JSON",
}
# The other fields stay in properties, too, as the columns do not tell all that they say.
_MAPPED = ("email", "message-id", "ts_epoch", "RawTextBody")
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "m": (json_text_sql('r."X-Mailin-custom"'), CARRIED),
        "sender": ('r."From"', {"Address": "VARCHAR"}),
    },
    batch="items",
)
_ID = hashed_id_sql(
    'r."message-id"', "r.camp_id", "r.email", "r.event", "mail_moment", "r.link", 'r."URL"', 'r."MessageId"'
)
_IS_MAIL = "COALESCE(r.event, '') = '' AND r.\"MessageId\" IS NOT NULL"
_SAID = MailRecord(
    kind=f"CASE WHEN {_IS_MAIL} THEN 'inbound' ELSE r.event END",
    names=_EVENTS,
    address="CASE WHEN mail_kind = 'inbound' THEN sender.\"Address\" ELSE r.email END",
    moment=first_text_sql(("r.ts_epoch", "r.ts_event", "r.ts")),
    time_cast=EPOCH,
    event_id=f"COALESCE(nullif(json_extract_string(r.\"Uuid\", '$[0]'), ''), {_ID})",
    # A campaign has one message for each recipient, and no id for it.
    contact_id=f"""COALESCE(r."message-id", r."InReplyTo", {key_sql("r.camp_id", "lower(r.email)")})""",
    carried={**{name: f"m.{name}" for name in CARRIED}, "campaign_id": "COALESCE(m.campaign_id, r.camp_id)"},
    properties=rest_of_sql(_MAPPED),
    date='r."SentAtDate"',
    text='r."RawTextBody"',
    user_agent="r.user_agent",
    auto_submitted=object_header_sql('r."Headers"', "Auto-Submitted"),
    is_machine="r.event IN ('proxy_open', 'unique_proxy_open')",
    texts=("r.link", 'r."MessageId"'),
    objects=('r."From"', 'r."Headers"'),
)

CONNECTOR = mail_connector(
    "brevo",
    "Brevo: transactional and marketing webhooks, single or batched, and inbound mail",
    _FORMAT,
    _SAID,
    webhook=Webhook(secrets=("auth_token",), check=token_or_basic(BEARER), or_basic=True),
)
