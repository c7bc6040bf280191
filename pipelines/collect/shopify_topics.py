"""What Shopify's topics are called here.

Source: Shopify, Webhooks (topics of the versions 2023-07 to 2026-07), Privacy law compliance.
"""

# These bring the whole order: its newest version counts, whichever of them brought it.
STATES = ("orders/create", "orders/updated", "orders/cancelled")
ORDER, CANCELLED, REFUND = "order", "cancellation", "refunds/create"
NAMES = {
    ORDER: "order_completed",
    CANCELLED: "order_cancelled",
    REFUND: "order_refunded",
    "orders/paid": "order_paid",
    "orders/fulfilled": "order_fulfilled",
    "orders/partially_fulfilled": "order_partially_fulfilled",
    "orders/edited": "order_edited",
    "orders/delete": "order_deleted",
    "fulfillments/create": "fulfillment_created",
    "fulfillments/update": "fulfillment_updated",
    "customers/create": "customer_created",
    "customers/update": "customer_updated",
    "customers/enable": "customer_updated",
    "customers/disable": "customer_updated",
    "customers/delete": "customer_deleted",
    "customers_marketing_consent/update": "consent_stated",
    "customers_email_marketing_consent/update": "consent_stated",
    "customers_whats_app_marketing_consent/update": "consent_stated",
    "customers/purchasing_summary": "customer_purchases_changed",
    "customer.tags_added": "customer_tags_added",
    "customer.tags_removed": "customer_tags_removed",
    "customer.joined_segment": "customer_segment_joined",
    "customer.left_segment": "customer_segment_left",
    "checkouts/create": "checkout_started",
    "checkouts/update": "checkout_updated",
    "checkouts/delete": "checkout_deleted",
    "carts/create": "cart_created",
    "carts/update": "cart_updated",
    "app/uninstalled": "app_uninstalled",
    "customers/redact": "customer_redact_requested",
    "customers/data_request": "customer_data_requested",
    "shop/redact": "shop_redact_requested",
}
BY_COMPANY = (
    "order_fulfilled", "order_partially_fulfilled", "order_edited", "order_deleted", "order_refunded",
    "fulfillment_created", "fulfillment_updated", "customer_deleted", "customer_purchases_changed",
    "customer_tags_added", "customer_tags_removed", "customer_segment_joined", "customer_segment_left",
    "checkout_deleted", "app_uninstalled", "shop_redact_requested", "shopify_unknown",
)  # fmt: skip
# These name an address or a number of the shop itself, which is no customer's.
OF_THE_SHOP = "^(app|shop|locations|company_locations)/"
