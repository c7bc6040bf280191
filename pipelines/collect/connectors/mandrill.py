"""Mandrill (Mailchimp Transactional): message events, sync events and inbound mail, an array in the field of a form.

Source: Mailchimp Transactional, Webhooks (Track and respond to webhook events), Inbound email; Authenticating webhook
requests.
"""

import base64
import hmac
import json

from pipelines.collect.json_records import JsonFormat
from pipelines.collect.mail import first_text_sql
from pipelines.collect.mail_checks import answer_to_reading
from pipelines.collect.mail_plan import (
    CARRIED,
    EPOCH,
    MailRecord,
    hashed_id_sql,
    mail_connector,
    object_header_sql,
    rest_of_sql,
)
from pipelines.collect.signatures import header, is_same, secret_of
from pipelines.collect.webhook import Answer, RefusedError, Request, Secrets, Webhook, form_fields, last_text

_FIELD = "mandrill_events"
_SIGNATURE = "x-mandrill-signature"
_EVENTS = {
    "send": "email_sent",
    "delivered": "email_delivered",
    "deferral": "email_deferred",
    "hard_bounce": "email_bounced",
    "soft_bounce": "email_bounced",
    "reject": "email_rejected",
    "open": "email_opened",
    "click": "email_clicked",
    "spam": "email_complained",
    "unsub": "email_unsubscribed",
    "inbound": "email_replied",
}
_KNOWN = {
    "event": "VARCHAR",
    "type": "VARCHAR",
    "ts": "VARCHAR",
    "_id": "VARCHAR",
    "url": "VARCHAR",
    "user_agent": "VARCHAR",
    "msg": "JSON",
    "reject": "JSON",
    "entry": "JSON",
}
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "msg": (
            "r.msg",
            {
                "email": "VARCHAR",
                "from_email": "VARCHAR",
                "subject": "VARCHAR",
                "text": "VARCHAR",
                "metadata": "JSON",
                "headers": "JSON",
                "_id": "VARCHAR",
            },
        ),
        "m": ("r.msg -> '$.metadata'", CARRIED),
        "listed": ("COALESCE(r.reject, r.entry)", {"email": "VARCHAR"}),
    },
)
_SAID = MailRecord(
    kind=first_text_sql(("r.event", "r.type")),
    names=_EVENTS,
    address="CASE WHEN mail_kind = 'inbound' THEN msg.from_email ELSE COALESCE(msg.email, listed.email) END",
    moment="r.ts",
    time_cast=EPOCH,
    event_id=hashed_id_sql(
        "mail_kind",
        'COALESCE(r."_id", msg."_id")',
        "mail_address",
        "mail_moment",
        "r.url",
        object_header_sql("msg.headers", "Message-ID"),
        "CASE WHEN mail_kind = 'inbound' THEN msg.email || msg.subject END",
    ),
    contact_id='CASE WHEN mail_kind <> \'inbound\' THEN COALESCE(r."_id", msg."_id") END',
    carried={name: f"m.{name}" for name in CARRIED},
    properties=rest_of_sql(("ts", "_id"), {"msg": ("text",)}),
    text="msg.text",
    user_agent="r.user_agent",
    auto_submitted=object_header_sql("msg.headers", "Auto-Submitted"),
    texts=("r.url",),
    objects=("r.msg", "r.reject", "r.entry"),
)


def _check(request: Request, secrets: Secrets) -> None:
    """HMAC-SHA1 over the address as it stands at Mandrill, and the fields of the form by their names.

    The setting `url` is that address where a proxy has changed it on the way.
    """
    given, fields = header(request, _SIGNATURE), form_fields(request)
    signed = (secrets.get("url") or request.url) + "".join(name + last_text(fields[name]) for name in sorted(fields))
    digest = hmac.digest(secret_of(secrets, "secret").encode(), signed.encode("utf-8", "surrogatepass"), "sha1")
    if not is_same(given, base64.b64encode(digest).decode()):
        raise RefusedError(401, f"the signature in {_SIGNATURE} is wrong; check the setting 'url', too")


def _record(request: Request) -> bytes:
    """The array of events that stands as text in the form. Raises RefusedError for a form without it."""
    try:
        events = json.loads(last_text(form_fields(request).get(_FIELD, "")))
    except (ValueError, RecursionError) as problem:
        raise RefusedError(400, f"the field {_FIELD} of the form is not JSON") from problem
    if not isinstance(events, list):
        raise RefusedError(400, f"the field {_FIELD} of the form is not an array")
    return json.dumps(events).encode()


def _answer(request: Request, secrets: Secrets) -> Answer | None:
    """200 for the requests by which Mandrill tries an address: a HEAD, and events that are none, under another key."""
    is_trial = request.method == "POST" and request.body in (b"mandrill_events=[]", b"mandrill_events=%5B%5D")
    return Answer(200) if is_trial else answer_to_reading(request, secrets)


CONNECTOR = mail_connector(
    "mandrill",
    "Mandrill (Mailchimp Transactional): message and sync events in arrays, and inbound mail",
    _FORMAT,
    _SAID,
    webhook=Webhook(secrets=("secret",), check=_check, record=_record, handshake=_answer),
)
