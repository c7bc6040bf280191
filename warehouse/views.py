"""The documented views: what most queries want, under one name."""

from schemas.keys import key_sql
from warehouse.consent_states import CONSENT_STATES, CONSENT_VERSIONS

# An identifier may be one customer's on some days and another's on the others. An outer join hashes comparisons only:
# with an OR it would compare every pair of rows.
_THEN = "{at} >= COALESCE(c.valid_from, '-infinity') AND {at} < COALESCE(c.valid_to, 'infinity')"
# An order of which only refunds are known has the time of the first of them.
_ORDERED = "COALESCE(o.ordered_at, o.first_at)"

VIEWS: dict[str, tuple[str, str]] = {
    "current_identities": (
        "which customer an identifier belongs to, as known now; on which days, where it is several customers'",
        "SELECT identifier, kind, value, customer_id, first_seen_at, relation, valid_from, valid_to "
        "FROM identities WHERE known_to IS NULL",
    ),
    "customer_redirects": (
        "earlier customer_id that is gone -> the customer_id that its anchor belongs to now",
        "SELECT DISTINCT f.customer_id, c.customer_id AS current_customer_id FROM identities AS f "
        "JOIN identities AS c ON c.identifier = f.identifier AND c.known_to IS NULL AND c.valid_from IS NULL "
        f"WHERE f.known_to IS NOT NULL AND f.customer_id = {key_sql('f.kind', 'f.value')} "
        "AND f.customer_id NOT IN (SELECT customer_id FROM identities WHERE known_to IS NULL)",
    ),
    "customer_interactions": (
        "interactions with the customer that they belong to now",
        "SELECT c.customer_id, i.* FROM interactions AS i "
        "LEFT JOIN identities AS c ON c.identifier = i.anchor AND c.known_to IS NULL "
        f"AND {_THEN.format(at='i.occurred_at')}",
    ),
    "customer_orders": (
        "orders with the customer that they belong to now",
        "SELECT c.customer_id, o.* FROM orders AS o "
        "LEFT JOIN identities AS c ON c.identifier = o.anchor AND c.known_to IS NULL "
        f"AND {_THEN.format(at=_ORDERED)}",
    ),
    "latest_decisions": (
        "the newest decision for each customer of today",
        "SELECT * FROM decisions WHERE customer_id IN (SELECT customer_id FROM profiles) "
        "QUALIFY row_number() OVER "
        "(PARTITION BY customer_id ORDER BY decided_as_of DESC, commit_seq DESC, decision_id) = 1",
    ),
    "consent_states": (
        "what each customer allows as of the last run, by purpose and channel, with the statement that decides "
        "([consent](consent.md) tells what the columns mean)",
        CONSENT_STATES,
    ),
    "consent_versions": (
        "what each customer said last under each version of the wording, by purpose and channel",
        CONSENT_VERSIONS,
    ),
}
