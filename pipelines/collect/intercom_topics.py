"""What Intercom's topics tell besides the parts of conversations: tickets, calls, outbound messages, subscriptions.

Source: Intercom Developer Docs, "Webhook Topics", "Content Stat notification object".
"""

from pipelines.collect.naming import cases_sql, snake_sql

_NAMES = {
    "conversation.rating.added": "chat_rated",
    "conversation.rating.remarked": "chat_rated",
    "conversation.read": "chat_read",
    "conversation.deleted": "chat_deleted",
    "conversation.admin.closed": "chat_ended",
    "conversation.admin.opened": "chat_reopened",
    "conversation.admin.assigned": "chat_assigned",
    "ticket.created": "ticket_created",
    "ticket.admin.replied": "ticket_comment_added",
    "ticket.contact.replied": "ticket_comment_added",
    "ticket.note.created": "ticket_note_added",
    "ticket.state.updated": "ticket_status_changed",
    "ticket.resolved": "ticket_status_changed",
    "ticket.closed": "ticket_status_changed",
    "ticket.rating.provided": "ticket_rated",
    "call.started": "call_started",
    "call.ended": "call_ended",
    "call.transcription_available": "call_transcribed",
    "call.recording_available": "call_recorded",
    "contact.unsubscribed": "email_unsubscribed",
    "user.unsubscribed": "email_unsubscribed",
    "contact.unsubscribed_from_sms": "sms_unsubscribed",
    "user.unsubscribed_from_sms": "sms_unsubscribed",
    # Of one kind of message, which the notice is not documented to name: denied is more than was asked, never less.
    "granular.unsubscribe": "email_unsubscribed",
    "contact.subscribed": "email_subscribed",
}
DESCRIBES = "^(contact|user|contact[.](user|lead))[.](created|updated|(lead[.])?added_email|email[.]updated)$"
IS_ABOUT_PERSON = "COALESCE(regexp_matches(topic, '^(contact|user|visitor|lead|granular)[.]'), FALSE)"
IS_TICKET = "COALESCE(starts_with(topic, 'ticket.'), FALSE)"
_BY_CUSTOMER = (
    "^conversation[.](rating[.]|read$)|^ticket[.](created|contact[.]replied|rating[.]provided)$"
    f"|^[a-z.]+[.](signed_up|subscribed|unsubscribed(_from_sms)?|subscribe|unsubscribe)$|{DESCRIBES}"
)

# Outbound messages: their content's type -> channel, the statistic's type -> sign.
_CHANNELS = {
    **{name: name for name in ("email", "sms", "push", "chat", "survey")},
    "post": "chat",
    **dict.fromkeys(("banner", "carousel", "checklist", "custom_bot", "news_item", "tooltip_group", "tour"), "in_app"),
}
_SIGNS = {
    "receipt": "sent",
    "hard_bounce": "bounced",
    "soft_bounce": "bounced",
    **dict.fromkeys(("sms_failure", "push_failure"), "failed"),
    "open": "opened",
    "click": "clicked",
    **dict.fromkeys(("reply", "keyword_reply"), "replied"),
    "spam_complaint": "complained",
    "unsubscribe": "unsubscribed",
    "answer": "answered",
}
_SENT = ("sent", "bounced", "failed")
CHANNELS = tuple(dict.fromkeys(_CHANNELS.values()))


# Columns over what the JsonFormat of the connector gives: topic, stat, item.
STAT_CHANNEL = f"CASE WHEN starts_with(topic, 'content_stat.') THEN {cases_sql('stat.content_type', _CHANNELS)} END"
STAT_SIGN = cases_sql("stat.stat_type", _SIGNS, snake_sql("stat.stat_type"))
SPEAKER = f"""CASE
    WHEN stat_channel IS NOT NULL THEN CASE WHEN stat_sign IN {_SENT} THEN 'company' ELSE 'customer' END
    WHEN starts_with(topic, 'call.') THEN CASE item.direction WHEN 'outbound' THEN 'company' ELSE 'customer' END
    WHEN regexp_matches(topic, '{_BY_CUSTOMER}') THEN 'customer'
    ELSE 'company'
END"""
_OTHER = f"""CASE
    WHEN stat_channel IS NOT NULL THEN stat_channel || '_' || stat_sign
    WHEN regexp_matches(topic, '{DESCRIBES}') THEN 'identify'
    WHEN ends_with(topic, '.signed_up') THEN 'signed_up'
    WHEN starts_with(topic, 'conversation.') THEN 'chat_changed'
    WHEN {IS_TICKET} THEN 'ticket_changed'
    WHEN is_about_person THEN {snake_sql("topic")}
END"""
NAME = cases_sql("topic", _NAMES, _OTHER)
# A call says itself when it began and ended.
TIME_OF_CALL = "CASE topic WHEN 'call.started' THEN item.initiated_at WHEN 'call.ended' THEN item.ended_at END"
CHANNEL = f"""CASE
    WHEN stat_channel IS NOT NULL THEN stat_channel
    WHEN known_name IN ('email_unsubscribed', 'email_subscribed') THEN 'email'
    WHEN known_name = 'sms_unsubscribed' THEN 'sms'
    WHEN is_about_person THEN 'web'
    WHEN {IS_TICKET} THEN 'ticket'
    WHEN starts_with(topic, 'call.') THEN 'call'
END"""
