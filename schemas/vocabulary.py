"""Event names with a meaning for the rollups: Segment's spec names in snake_case, extended to every channel."""

ORDER_EVENTS = ("order_completed",)
REFUND_EVENTS = ("order_refunded", "order_cancelled")

# `<channel>_<sign>`: what a message, call or letter of the company went through.
SENT_SIGNS = ("sent", "processed", "deferred", "placed")
DELIVERED_SIGNS = ("delivered", "answered")
FAILED_SIGNS = ("bounced", "rejected", "failed", "dropped")
OPENED_SIGNS = ("opened",)
RESPONDED_SIGNS = ("clicked", "replied", "answered")
CONTACT_CHANNELS = ("email", "sms", "push", "post", "call", "whatsapp", "chat", "in_app")
# Where contacts take place without more ado; what a company has besides is declared in its settings: [channels].
CHANNELS = (*CONTACT_CHANNELS, "web", "app", "pos", "survey", "ticket", "task", "social")

# Answers that name the contact by `contact_id`, whatever their channel.
RESPONSE_EVENTS = ("coupon_redeemed", "offer_accepted")
OUTCOME_EVENTS = ("coupon_redeemed", "offer_accepted", "offer_declined")

# Service: turns of conversations, tickets, calls. None is a contact of the company, as those count against its limits
# and wait for an answer; only a conversation that the company begins is one, `chat_sent`. First what the company does.
COMPANY_TURNS = (
    "call_forwarded", "call_recorded", "call_monitored", "chat_message_sent", "email_message_sent", "chat_note_added",
    "chat_assigned", "ticket_note_added", "task_ended", "staff_updated",
)  # fmt: skip
SERVICE_EVENTS = (
    "call_started", "call_missed", "call_ended", "call_input_received", "call_transcribed", "chat_started",
    "chat_message_received", "chat_missed", "chat_ended", "chat_reopened", "chat_rated", "ticket_created",
    "ticket_comment_added", "ticket_status_changed",
)  # fmt: skip

# event name -> (status, legal basis) of the consent statement that it makes, for purpose `marketing`.
CONSENT_EVENTS = {
    "unsubscribed": ("denied", "objection"),
    "complained": ("denied", "objection"),
    "subscribed": ("granted", "consent"),
}
# Events whose `properties.consents` is read: a list of objects with purpose (marketing if it is missing), channel
# (* for all if missing), status (granted, denied), legal_basis, version, stated_at (ISO 8601; else the event's time).
CONSENT_LIST_EVENTS = ("consent_stated", "identify", "customer_created", "customer_updated")


def contact_events(signs: tuple[str, ...]) -> tuple[str, ...]:
    """The event names that give one of `signs` on any contact channel."""
    return tuple(f"{channel}_{sign}" for channel in CONTACT_CHANNELS for sign in signs)
