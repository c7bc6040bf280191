"""Mailjet: events, grouped or one by one, and inbound mail.

Source: Mailjet, Email API guides: Event API (webhooks), Parse API.
"""

from pipelines.collect.json_records import JsonFormat
from pipelines.collect.mail import address_sql, first_text_sql
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
from pipelines.collect.signatures import basic
from pipelines.collect.webhook import Webhook

_EVENTS = {
    "sent": "email_delivered",  # the recipient's server has accepted it
    "open": "email_opened",
    "click": "email_clicked",
    "bounce": "email_bounced",
    "greylisted": "email_deferred",
    "blocked": "email_rejected",
    "spam": "email_complained",
    "unsub": "email_unsubscribed",
    "inbound": "email_replied",
}
_KNOWN = {
    "event": "VARCHAR",
    "time": "VARCHAR",
    "MessageID": "VARCHAR",
    "email": "VARCHAR",
    "mj_campaign_id": "VARCHAR",
    "customcampaign": "VARCHAR",
    "Payload": "VARCHAR",
    "url": "VARCHAR",
    "agent": "VARCHAR",
    "error": "VARCHAR",
    "hard_bounce": "VARCHAR",
    # Inbound mail.
    "Sender": "VARCHAR",
    "Recipient": "VARCHAR",
    "From": "VARCHAR",
    "Date": "VARCHAR",
    "Subject": "VARCHAR",
    "Headers": "JSON",
    "Text-part": "VARCHAR",
}
_MAPPED = ("time", "MessageID", "email", "Text-part")
_FORMAT = JsonFormat(known=_KNOWN, nested={"m": (json_text_sql('r."Payload"'), CARRIED)})
_IS_MAIL = "COALESCE(r.event, '') = '' AND r.\"Sender\" IS NOT NULL"
# Refused for now by a server that wants to see it again: the message stays in the queue.
_IS_GREYLISTED = (
    "r.event = 'bounce' AND r.error = 'greylisted' AND COALESCE(r.hard_bounce, 'false') NOT IN ('true', '1')"
)
_FROM = address_sql(first_text_sql(('r."From"', 'r."Sender"')))
# The Date header as Mailjet has read it, in UTC.
_DATE = """strftime(try_strptime(r."Date", '%Y%m%dT%H%M%S'), '%d %b %Y %H:%M:%S +0000')"""
_DATE_HEADER = object_header_sql('r."Headers"', "Date")
_CAMPAIGN = ("m.campaign_id", "r.customcampaign", "nullif(r.mj_campaign_id, '0')")
_SAID = MailRecord(
    kind=f"CASE WHEN {_IS_MAIL} THEN 'inbound' WHEN {_IS_GREYLISTED} THEN 'greylisted' ELSE r.event END",
    names=_EVENTS,
    address=f"CASE WHEN mail_kind = 'inbound' THEN {_FROM} ELSE r.email END",
    moment="r.time",
    time_cast=EPOCH,
    event_id=hashed_id_sql(
        "mail_kind",
        'r."MessageID"',
        "mail_address",
        "mail_moment",
        "r.url",
        object_header_sql('r."Headers"', "Message-ID"),
        'r."Recipient"',
        'r."Date"',
        'r."Subject"',
    ),
    contact_id='r."MessageID"',
    carried={**{name: f"m.{name}" for name in CARRIED}, "campaign_id": first_text_sql(_CAMPAIGN)},
    properties=rest_of_sql(_MAPPED),
    date=f"COALESCE({_DATE}, {_DATE_HEADER})",
    text='r."Text-part"',
    user_agent="r.agent",
    auto_submitted=object_header_sql('r."Headers"', "Auto-Submitted"),
    texts=("r.url", 'r."Recipient"'),
    objects=('r."Headers"',),
)

CONNECTOR = mail_connector(
    "mailjet",
    "Mailjet: events, in arrays or one by one, and inbound mail of the Parse API",
    _FORMAT,
    _SAID,
    webhook=Webhook(secrets=(), check=basic),
)
