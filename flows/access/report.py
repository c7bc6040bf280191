"""Everything about one person as one object: known (said or done), inferred (from that), decided (because of it)."""

from dataclasses import dataclass
from typing import Any

from flows.customer import find_customer, read_customer
from schemas.table import JSON, Erasure, Table, quoted
from schemas.tables import tables
from warehouse.queries import records
from warehouse.reader import LakeReader

Rows = list[dict[str, Any]]

# What follows from the events; all other tables with rows about a person hold what was said or done.
INFERRED = (
    "profiles",
    "profile_history",
    "channel_preferences",
    "interests",
    "consent_states",
    "memberships",
    "identity_links",
    "identity_acts",
    "daily_activity",
    "daily_categories",
)
DECIDED = ("decisions",)
REMARKS = (
    "Records that were refused at collection are kept as they came, without a person to whom they could be attributed; "
    "so are values that name nobody.",
    "Models, priors and cut points are estimated over all customers and hold no values of single persons.",
    "Results of queries that somebody has written to other places are not part of this.",
)
_OF_PERSON = {
    "anchor": "SELECT identifier FROM identities WHERE known_to IS NULL AND customer_id = $customer",
    "identifier": "SELECT identifier FROM identities WHERE known_to IS NULL AND customer_id = $customer",
    "customer_id": "SELECT $customer",
}
# When what a row with an anchor tells of happened: on some days the anchor may be somebody else's.
_HAPPENED = (
    "occurred_at", "ordered_at", "heard_at", "stated_at", "sent_at", "delivered_at", "opened_at", "responded_at", "day",
)  # fmt: skip
_THEN = """EXISTS (
    FROM identities AS i
    WHERE i.identifier = t.anchor
        AND i.known_to IS NULL
        AND i.customer_id = $customer
        AND ({at} >= i.valid_from) IS NOT FALSE
        AND ({at} < i.valid_to) IS NOT FALSE
)"""
_HIDDEN = ("commit_seq", "commit_from", "commit_to", "batch_id", "row_number", "element", "content_sha256", "acted_by")
# Of these a row may be about the person and somebody else, whose identifier is not theirs to see.
_OF_TWO = ("identity_acts", "identity_proposals")
_MASKED = "CASE WHEN {end} IN ({mine}) THEN {end} ELSE split_part({end}, ':', 1) || ':(another person)' END AS {end}"
_FILES = """
    SELECT DISTINCT f.name, f.source, f.connector, f.landed_at
    FROM landing_files AS f
    SEMI JOIN (SELECT file_id FROM interactions WHERE anchor IN ({anchors})) AS i USING (file_id)
    ORDER BY f.landed_at, f.name
"""

_CONSENTS = """
    SELECT * EXCLUDE (customer_id)
    FROM consent_states
    WHERE customer_id = $customer
    ORDER BY purpose, channel
"""


@dataclass(frozen=True)
class AccessReport:
    """One person's data. `known`, `inferred` and `decided` hold the rows of each table, in the order of their time.

    `traits` are the values of the profile with the rows behind them; `reasons` tell each decision in sentences, by
    decision_id; `files` are the received files that name the person.
    """

    customer_id: str
    identifiers: list[str]
    remarks: tuple[str, ...]
    known: dict[str, Rows]
    inferred: dict[str, Rows]
    traits: Rows
    decided: dict[str, Rows]
    reasons: dict[str, list[str]]
    files: Rows


def read_access(lake: LakeReader, identifier: str) -> AccessReport:
    """All rows about the customer behind `identifier`. Raises RapportError if it is not one customer."""
    customer = find_customer(lake, identifier)
    found = {name: _rows_of(lake, table, customer) for name, table in tables().items() if _is_personal(table)}
    found["consent_states"] = _asked(lake, _CONSENTS, customer)
    known = {name: rows for name, rows in found.items() if name not in (*INFERRED, *DECIDED)}
    return AccessReport(
        customer_id=customer,
        identifiers=sorted({row["identifier"] for row in known["identities"] if row["known_to"] is None}),
        remarks=REMARKS,
        known=known,
        inferred={name: found[name] for name in INFERRED if name in found},
        traits=read_customer(lake, customer).traits if found["profiles"] else [],
        decided={name: found[name] for name in DECIDED},
        reasons={row["decision_id"]: _reasons(row) for row in found["decisions"]},
        files=_asked(lake, _FILES.format(anchors=_OF_PERSON["anchor"]), customer),
    )


def _is_personal(table: Table) -> bool:
    return any(target.kind in _OF_PERSON for target in table.erasure)


def _rows_of(lake: LakeReader, table: Table, customer: str) -> Rows:
    targets = [target for target in table.erasure if target.kind in _OF_PERSON]
    theirs = " OR ".join(_is_theirs(table, target) for target in targets)
    times = [name for name in table.column_names if name.endswith(("_at", "_as_of", "_from")) or name == "day"]
    order = ", ".join(quoted(name) for name in (*times[:1], *table.key))
    ends = [_MASKED.format(end=target.column, mine=_OF_PERSON[target.kind]) for target in targets]
    shown = f"* REPLACE ({', '.join(ends)})" if table.name in _OF_TWO else "*"
    rows = _asked(lake, f"SELECT {shown} FROM {quoted(table.name)} AS t WHERE {theirs} ORDER BY {order}", customer)
    json = {column.name for column in table.columns if column.type == JSON}
    return [
        {name: _read(value, is_json=name in json) for name, value in row.items() if name not in _HIDDEN} for row in rows
    ]


def _is_theirs(table: Table, target: Erasure) -> str:
    is_named = f"{quoted(target.column)} IN ({_OF_PERSON[target.kind]})"
    times = [f"t.{quoted(name)}::TIMESTAMPTZ" for name in _HAPPENED if name in table.column_names]
    if target.kind != "anchor" or not times:
        return is_named
    happened_at = f"COALESCE({', '.join(times)})"
    return f"({is_named} AND {_THEN.format(at=happened_at)})"


def _read(value: Any, *, is_json: bool) -> Any:
    from json import loads

    return loads(value) if is_json and value is not None else value


def _reasons(row: dict[str, Any]) -> list[str]:
    """The decision in sentences: what was chosen and why, what came next, which gates closed."""
    from json import dumps

    from pipelines.decide.explain import explain

    texts = {name: dumps(row[name]) for name in ("terms", "candidates", "gates")}
    return list(explain({**row, **texts}).sentences)


def _asked(lake: LakeReader, query: str, customer: str) -> Rows:
    return records(lake.execute(query, {"customer": customer}))
