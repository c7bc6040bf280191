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
    "call_forwarded", "call_recorded", "call_monitored", "call_answerer_detected", "call_transcription_changed",
    "chat_message_sent", "email_message_sent", "chat_note_added", "chat_assigned", "chat_changed", "ticket_note_added",
    "ticket_changed", "task_ended", "staff_updated", "survey_bounced",
)  # fmt: skip
SERVICE_EVENTS = (
    "call_started", "call_missed", "call_ended", "call_input_received", "call_transcribed", "chat_started",
    "chat_message_received", "chat_missed", "chat_ended", "chat_reopened", "chat_rated", "ticket_created",
    "ticket_comment_added", "ticket_status_changed",
)  # fmt: skip

# Who belongs to a group of people: Segment's group call, and two events of its B2B SaaS spec.
JOIN_EVENTS = ("group", "account_added_user")
LEAVE_EVENTS = ("account_removed_user",)

# event name -> (status, legal basis) of the consent statement that it makes, for purpose `marketing`.
CONSENT_EVENTS = {
    "unsubscribed": ("denied", "objection"),
    "complained": ("denied", "objection"),
    "subscribed": ("granted", "consent"),
}
# What a statement says, the stricter first: `implied` is a grant that was taken as given; `expired` ends what was
# granted before, as if it never had been.
DENIALS = ("denied", "withdrawn")
GRANTS = ("implied", "granted")
CONSENT_STATUSES = (*DENIALS, "expired", *GRANTS)
# Legal bases on which what a customer allows or denies has no bearing; statements on them are kept apart.
OTHER_BASES = ("contract", "legal_obligation", "vital_interests", "public_task", "public_interest")
# To claim one is no consent; to deny it is an objection.
LEGITIMATE_INTERESTS = ("legitimate_interest", "legitimate_interests")
# Events whose `properties.consents` is read: a list of objects with purpose (marketing if it is missing), channel
# (* for all if missing), status, legal_basis, version, stated_at and expires_at (ISO 8601; stated at the event's time,
# never expired if missing).
CONSENT_LIST_EVENTS = ("consent_stated", "identify", "customer_created", "customer_updated")


def contact_events(signs: tuple[str, ...]) -> tuple[str, ...]:
    """The event names that give one of `signs` on any contact channel."""
    return tuple(f"{channel}_{sign}" for channel in CONTACT_CHANNELS for sign in signs)
