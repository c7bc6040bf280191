"""The documented views: what most queries want, under one name."""

VIEWS: dict[str, tuple[str, str]] = {
    "current_identities": (
        "which customer an identifier belongs to, as known now",
        "SELECT identifier, kind, value, customer_id, first_seen_at FROM identities WHERE known_to IS NULL",
    ),
    "customer_interactions": (
        "interactions with the customer that they belong to now",
        "SELECT c.customer_id, i.* FROM interactions AS i "
        "LEFT JOIN identities AS c ON c.identifier = i.anchor AND c.known_to IS NULL",
    ),
    "customer_orders": (
        "orders with the customer that they belong to now",
        "SELECT c.customer_id, o.* FROM orders AS o "
        "LEFT JOIN identities AS c ON c.identifier = o.anchor AND c.known_to IS NULL",
    ),
    "latest_decisions": (
        "the newest decision for each customer",
        "SELECT * FROM decisions "
        "QUALIFY row_number() OVER "
        "(PARTITION BY customer_id ORDER BY decided_as_of DESC, commit_seq DESC, decision_id) = 1",
    ),
}
