"""Gates: what a rule is, what it may look at, and the one SQL expression that all of them make."""

from dataclasses import dataclass
from functools import cache

from pipelines.decide import rules
from schemas.discovery import discover
from schemas.table import literal

CANDIDATE_COLUMNS = {
    "customer_id": "id of the customer",
    "offer_id": "id of the offer",
    "kind": "kind of benefit",
    "purpose": "purpose for consent",
    "category": "category it is about; NULL is all",
    "channels": "channels with content, VARCHAR[] in order of preference",
    "valid_from": "from when it holds; NULL is since ever",
    "valid_to": "until when it holds; NULL is for ever",
    "as_of": "knowledge up to here",
    "unmet": "the catalogue's conditions that fail, in words; NULL if none does",
    "needs_grant": "the policy asks for a consent for this purpose, silence is not enough",
    "open_channels": "channels with content on which the customer may be contacted for this purpose, VARCHAR[]",
    "denied_since": "channels with content that the customer denied for this purpose, with the day, VARCHAR[]",
    "contact_7d_count": "contacts of the company in the 7 days before as_of",
    "contacts_per_week": "the most contacts that the policy allows in 7 days",
    "open_complaint_at": "latest complaint of the 30 days before as_of that is not resolved; NULL if none",
    "p1": "probability of the result with the contact",
    "value_customer": "expected worth to the customer, effort of the contact included",
}


@dataclass(frozen=True)
class Rule:
    """A gate: its place in the order, SQL that is TRUE when a candidate is dropped, SQL for the reason.

    Both expressions see the columns of `CANDIDATE_COLUMNS` by their bare names, one row per customer and
    offer; the reason is a VARCHAR. NULL keeps the candidate. The file's name is the gate's name.
    """

    doc: str
    order: int
    dropped_when: str
    reason: str


@cache
def gates() -> dict[str, Rule]:
    """Every rule by name, in the order in which they are asked."""
    found = discover(rules, "RULE", Rule)
    return dict(sorted(found.items(), key=lambda entry: (entry[1].order, entry[0])))


def first_gate_sql() -> str:
    """Give SQL for a struct (gate, reason) of the first rule that drops the candidate; NULL if none does."""
    branches = [
        f"WHEN {rule.dropped_when} THEN {{'gate': {literal(name)}, 'reason': {rule.reason}}}"
        for name, rule in gates().items()
    ]
    return f"CASE {' '.join(branches)} END"
