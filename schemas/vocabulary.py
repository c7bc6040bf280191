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

# Answers that name the contact by `contact_id`, whatever their channel.
RESPONSE_EVENTS = ("coupon_redeemed", "offer_accepted")
OUTCOME_EVENTS = ("coupon_redeemed", "offer_accepted", "offer_declined")

# event name -> (status, legal basis) of the consent statement that it makes, for purpose `marketing`.
CONSENT_EVENTS = {
    "unsubscribed": ("denied", "objection"),
    "complained": ("denied", "objection"),
    "subscribed": ("granted", "consent"),
}


def contact_events(signs: tuple[str, ...]) -> tuple[str, ...]:
    """The event names that give one of `signs` on any contact channel."""
    return tuple(f"{channel}_{sign}" for channel in CONTACT_CHANNELS for sign in signs)
