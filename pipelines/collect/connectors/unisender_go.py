"""Unisender Go (UniOne): events of messages, grouped by user.

Source: Unisender Go, Web API reference: Callback format; UniOne, Webhooks.
"""

import json
import re
from hashlib import md5

from pipelines.collect.json_parts import Parts
from pipelines.collect.json_records import JsonFormat
from pipelines.collect.mail_checks import answer_to_reading
from pipelines.collect.mail_plan import CARRIED, MailRecord, hashed_id_sql, mail_connector, rest_of_sql
from pipelines.collect.signatures import is_same, secret_of
from pipelines.collect.webhook import RefusedError, Request, Secrets, Webhook

_STATUS = "transactional_email_status"
_EVENTS = {
    "accepted": "email_sent",
    "sent": "email_sent",
    "delivered": "email_delivered",
    "soft_bounced": "email_bounced",
    "hard_bounced": "email_bounced",
    "opened": "email_opened",
    "clicked": "email_clicked",
    "spam": "email_complained",
    "unsubscribed": "email_unsubscribed",
    "subscribed": "email_subscribed",
}
_FORMAT = JsonFormat(
    known={"event_name": "VARCHAR", "event_data": "JSON"},
    nested={
        "d": (
            "r.event_data",
            {
                "job_id": "VARCHAR",
                "metadata": "JSON",
                "email": "VARCHAR",
                "status": "VARCHAR",
                "event_time": "VARCHAR",
                "block_time": "VARCHAR",
                "domain": "VARCHAR",
                "url": "VARCHAR",
                "delivery_info": "JSON",
            },
        ),
        "m": ("r.event_data -> '$.metadata'", CARRIED),
        "device": ("r.event_data -> '$.delivery_info'", {"user_agent": "VARCHAR"}),
    },
    batch="events_by_user",
    parts=Parts(paths={"events": "TRUE"}),
)
_REST = rest_of_sql((), {"event_data": ("job_id", "email", "event_time")})
_SAID = MailRecord(
    kind=f"CASE WHEN r.event_name = '{_STATUS}' THEN d.status ELSE r.event_name END",
    names=_EVENTS,
    address="d.email",
    moment="COALESCE(d.event_time, d.block_time)",
    event_id=hashed_id_sql("r.event_name", "d.job_id", "mail_address", "d.status", "mail_moment", "d.url", "d.domain"),
    contact_id="d.job_id",
    carried={name: f"m.{name}" for name in CARRIED},
    # The user and project of the account stand beside the events that they share.
    properties=f"json_merge_patch(COALESCE(whole, '{{}}'), {_REST})",
    user_agent="device.user_agent",
    texts=("r.event_name", "d.url", "d.domain"),
    objects=("r.event_data",),
)


def _check(request: Request, secrets: Secrets) -> None:
    """`auth` is the MD5 of the body as it would be with the API key (the setting secret) in its place."""
    key = secret_of(secrets, "secret")
    try:
        payload = json.loads(request.body.decode())
    except (ValueError, RecursionError) as problem:
        raise RefusedError(400, "the body is not valid JSON in UTF-8") from problem
    given = payload.get("auth") if isinstance(payload, dict) else None
    if not isinstance(given, str) or not re.fullmatch("[0-9a-fA-F]{32}", given):
        raise RefusedError(401, "the field auth is missing or no digest")
    signed = request.body.replace(f'"{given}"'.encode(), json.dumps(key).encode(), 1)
    if not is_same(given.lower(), md5(signed, usedforsecurity=False).hexdigest()):
        raise RefusedError(401, "the digest in auth is wrong")


CONNECTOR = mail_connector(
    "unisender_go",
    "Unisender Go (UniOne): events of messages, grouped by user",
    _FORMAT,
    _SAID,
    webhook=Webhook(secrets=("secret",), check=_check, handshake=answer_to_reading),
)
