"""The past as it was known: the tables that profiles rest on, of events before one time, as known at another.

Interactions known then are those that a commit had published and none had replaced by another copy. The rollups are
made of them by the same SQL that keeps the tables up to date, and the profiles by the same relations, so an answer is
what a run would have said at that time. A commit is known from when its run began (`batches.started_at`).

`profiles_asof(valid_at, known_at)` does it for all customers in one query; `at_past` for one, with evidence.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from pipelines.know.channels import CHANNEL_RELATIONS
from pipelines.know.inputs import input_relations
from pipelines.know.interests import INTEREST_RELATIONS
from pipelines.know.premises import AS_MAPS, CLOCK, settings_of
from pipelines.know.profiles import profiles_sql
from pipelines.know.rolled import RolledTable, filled
from schemas.engagement import IS_SIGN, is_machine_sql, marked_sql
from schemas.identifiers import UNLISTED_PRIORITY, blocked_sql, identifier_sql
from schemas.interaction import COLUMNS
from schemas.keys import key
from schemas.table import literal, quoted
from warehouse.queries import drop_temporary
from warehouse.settings import Settings

MACRO = "profiles_asof"
# The rollups that profiles rest on.
ROLLED = ("daily_activity", "daily_categories", "orders", "contacts", "consents", "statements")
TEMPORARY_TABLES = (
    *("know_asked", "know_commit", "know_premises", "know_found", "identities", "artefacts", "interactions"),
    "machine_engagements",
    *ROLLED,
)
# Where a record came from and when it arrived says nothing about the customer.
_PROVENANCE = (
    "received_at", "ingested_at", "is_received_assigned", "batch_id", "file_id", "row_number", "element",
)  # fmt: skip
# The best identifier by the priorities of that time; the lake's own where they are those of today.
_IS_BLOCKED = f"({blocked_sql('i.value', ())} OR list_contains(p.blocked_values, lower(i.value)))"
_RANKED = f"{{'rank': -COALESCE(p.priorities[i.kind], {UNLISTED_PRIORITY}), 'value': i.value, 'kind': i.kind}}"
_BEST = f"list_min(list_transform(list_filter(t.identifiers, lambda i: NOT {_IS_BLOCKED}), lambda i: {_RANKED}))"
_ANCHOR = (
    "CASE WHEN p.is_anchored THEN t.anchor "
    f"ELSE list_transform([{_BEST}], lambda best: {identifier_sql('best.kind', 'best.value')})[1] END AS anchor"
)
_SAID = ", ".join(
    _ANCHOR if column.name == "anchor" else f"t.{quoted(column.name)}"
    for column in COLUMNS
    if column.name not in _PROVENANCE
)

_ASKED = """
SELECT
  CASE
    WHEN date_trunc('day', until_at) = until_at THEN until_at
    ELSE error('valid_at must be a UTC midnight, as days are counted whole; write for example 2018-01-02')
  END AS until_at,
  COALESCE(learnt_at, 'infinity'::TIMESTAMPTZ) AS learnt_at
FROM (SELECT {valid_at}::TIMESTAMPTZ AS until_at, {known_at}::TIMESTAMPTZ AS learnt_at)
"""
_COMMIT = """
SELECT COALESCE(MAX(commit_seq), 0) AS commit_seq, COALESCE(MAX(started_at), TIMESTAMPTZ 'epoch') AS started_at
FROM {lake}.batches
WHERE started_at <= (SELECT learnt_at FROM know_asked)
"""
_COMMIT_SEQ = "(SELECT commit_seq FROM know_commit)"
_UNTIL = "(SELECT until_at FROM know_asked)"


# Whether a machine did something may show by what came a little later: it is known of an event, as whose it is.
_UNTIL_MARKED = f"{_UNTIL} + INTERVAL 1 HOUR"


def _interactions(lake: str, until: str = _UNTIL) -> str:
    """What was known then of what happened before the asked time."""
    return f"""
SELECT {_SAID}
FROM {lake}.interactions AS t
CROSS JOIN know_premises AS p
WHERE t.commit_seq <= {_COMMIT_SEQ} AND t.occurred_at < {until}
UNION ALL
SELECT {_SAID}
FROM {lake}.interaction_versions AS t
CROSS JOIN know_premises AS p
WHERE t.commit_from <= {_COMMIT_SEQ} AND t.commit_to > {_COMMIT_SEQ} AND t.occurred_at < {until}
"""


_IDENTITIES = """
SELECT identifier, kind, value, customer_id, valid_from, valid_to, NULL::TIMESTAMPTZ AS known_to
FROM {lake}.identities
WHERE known_from <= (SELECT learnt_at FROM know_asked)
  AND (known_to IS NULL OR known_to > (SELECT learnt_at FROM know_asked))
"""
_ARTEFACTS = """
SELECT name, version, parameters
FROM {lake}.artefacts
WHERE commit_seq <= (SELECT commit_seq FROM know_commit)
"""
# A lake from before the premises were noted rests on the first that were.
_PREMISES = f"""
WITH past AS (
  SELECT *
  FROM {{lake}}.premises
  ORDER BY commit_seq <= (SELECT commit_seq FROM know_commit) DESC,
    abs(commit_seq - (SELECT commit_seq FROM know_commit))
  LIMIT 1
),
present AS (
  SELECT *
  FROM {{lake}}.premises
  ORDER BY commit_seq DESC
  LIMIT 1
)
SELECT m.*, t.priorities::VARCHAR = n.priorities::VARCHAR AND t.blocked_values = n.blocked_values AS is_anchored
FROM ({AS_MAPS.format(premises="past")}) AS m
CROSS JOIN past AS t
CROSS JOIN present AS n
"""


def _asked_relations(valid_at: str, known_at: str, lake: str) -> dict[str, str]:
    """What was known when, without the interactions; shadows `identities` and `artefacts`."""
    return {
        "know_asked": _ASKED.format(valid_at=valid_at, known_at=known_at),
        "know_commit": _COMMIT.format(lake=lake),
        "identities": _IDENTITIES.format(lake=lake),
        "artefacts": _ARTEFACTS.format(lake=lake),
        "know_premises": _PREMISES.format(lake=lake),
    }


def _marks(lake: str, of_message: str = "TRUE") -> str:
    """What the rules of that time mark of what was known then; those of the settings, off where there were none."""
    delivery, agent, least = (
        f"(SELECT COALESCE({name}, {off}) FROM know_premises)"
        for name, off in (("machine_delivery_seconds", 0), ("machine_agent_seconds", 0), ("machine_least_links", 1))
    )
    signs = f"(SELECT * FROM ({_interactions(lake, _UNTIL_MARKED)}) WHERE {IS_SIGN} AND {of_message})"
    return marked_sql(signs, delivery, agent, least)


def _rollups(rolled: Mapping[str, RolledTable], unmarked: str) -> dict[str, str]:
    """The rollups of `interactions`; those that do not look at machines, of the relation without marks."""
    return {
        name: filled(rolled[name], "interactions" if "is_machine" in rolled[name].select else unmarked)
        for name in ROLLED
    }


_READ_WHERE_USED = ("know_happened", "interactions")


def macro_sql(rolled: Mapping[str, RolledTable]) -> str:
    """The body of `profiles_asof`: the profiles of every customer, as one SELECT over the parameters."""
    relations = {
        **_asked_relations("valid_at", "known_at", "main"),
        "know_happened": _interactions("main"),
        "machine_engagements": _marks("main"),
        "interactions": f"SELECT * REPLACE ({is_machine_sql('machine_engagements')}) FROM know_happened",
        **_rollups(rolled, "know_happened"),
        "know_scope": "SELECT DISTINCT customer_id FROM identities",
        "know_clock": CLOCK.format(as_of="(SELECT until_at FROM know_asked)"),
        **input_relations(),
        **CHANNEL_RELATIONS,
        **INTEREST_RELATIONS,
    }
    # Interactions are wide and each rollup wants other columns of them, so they are read where they are used.
    steps = (
        f"{name} AS {'NOT ' if name in _READ_WHERE_USED else ''}MATERIALIZED ({sql})" for name, sql in relations.items()
    )
    return f"WITH {', '.join(steps)} FROM ({profiles_sql()})"


def define_macro(con: duckdb.DuckDBPyConnection, rolled: Mapping[str, RolledTable]) -> None:
    """Give the lake the macro `profiles_asof(valid_at, known_at)`, unless it has it like that; in the transaction."""
    if not set(ROLLED) <= set(rolled):
        return
    body = macro_sql(rolled)
    digest = key(body)
    known = con.execute(
        "SELECT 1 FROM duckdb_functions() WHERE function_name = ? AND database_name = current_database() "
        "AND contains(macro_definition, ?)",
        [MACRO, digest],
    ).fetchone()
    if known is None:
        con.execute(
            f"CREATE OR REPLACE MACRO {MACRO}(valid_at, known_at) AS TABLE "
            f"SELECT * FROM ({body}) WHERE {literal(digest)} IS NOT NULL"
        )


# The customer's own interactions, and all others that belong to the same orders and contacts.
_FOUND = """
CREATE OR REPLACE TEMP TABLE know_found AS
WITH known AS NOT MATERIALIZED ({known}),
own AS (
  SELECT interaction_id, order_id, contact_id
  FROM known
  WHERE anchor IN (SELECT identifier FROM identities WHERE customer_id = $customer_id) AND EXISTS (
    FROM identities AS i
    WHERE i.identifier = anchor AND customer_id = $customer_id
      AND (occurred_at >= i.valid_from) IS NOT FALSE AND (occurred_at < i.valid_to) IS NOT FALSE
  )
)
SELECT interaction_id, occurred_at
FROM known
WHERE interaction_id IN (SELECT interaction_id FROM own)
  OR order_id IN (SELECT order_id FROM own WHERE order_id IS NOT NULL)
  OR contact_id IN (SELECT contact_id FROM own WHERE contact_id IS NOT NULL)
"""
_GATHERED = """
WITH known AS NOT MATERIALIZED ({known})
SELECT *
FROM known
WHERE interaction_id IN (SELECT interaction_id FROM know_found)
  AND occurred_at >= (SELECT MIN(occurred_at) FROM know_found)
  AND occurred_at <= (SELECT MAX(occurred_at) FROM know_found)
"""


@dataclass(frozen=True)
class Past:
    """A connection on which `identities` and `artefacts` say what was known then."""

    con: duckdb.DuckDBPyConnection
    lake: str
    rolled: Mapping[str, RolledTable]

    @property
    def commit_seq(self) -> int:
        """The newest commit that was known then; 0 if there was none."""
        return int(self._commit()[0])

    @property
    def known_from(self) -> datetime:
        """When the run of that commit began: asked with this time, the answer never changes again."""
        found: datetime = self._commit()[1]
        return found

    def _commit(self) -> Any:
        return self.con.execute("SELECT commit_seq, started_at FROM know_commit").fetchone()

    def settings(self, present: Settings) -> Settings:
        """`present` with the half-lives, currency, rates and priorities that were in force then."""
        return settings_of(self.con, present)

    def gather(self, customer_id: str) -> None:
        """Make `interactions` and the rollups of one customer."""
        known = _interactions(self.lake)
        self.con.execute(_FOUND.replace("{known}", known), {"customer_id": customer_id})
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE interactions AS {_GATHERED.replace('{known}', known)}")
        marks = _marks(self.lake, "(source, contact_id) IN (SELECT source, contact_id FROM interactions)")
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE machine_engagements AS {marks}")
        is_marked = "interaction_id IN (SELECT interaction_id FROM machine_engagements)"
        self.con.execute(f"UPDATE interactions SET is_machine = TRUE WHERE {is_marked}")
        for name, sql in _rollups(self.rolled, "interactions").items():
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")


@contextmanager
def at_past(
    con: duckdb.DuckDBPyConnection,
    valid_at: datetime,
    known_at: datetime | None,
    rolled: Mapping[str, RolledTable],
) -> Iterator[Past]:
    """The connection with `identities` and `artefacts` as they were known at `known_at` (None: now).

    Temporary tables hide the lake's tables of these names, and of those that `Past.gather` makes, until the block
    ends.
    """
    row = con.execute("SELECT current_database(), current_schema()").fetchone() or ("memory", "main")
    past = Past(con, ".".join(quoted(name) for name in row), rolled)
    try:
        for name, sql in _asked_relations("$valid_at", "$known_at", past.lake).items():
            asked = {"valid_at": valid_at, "known_at": known_at} if name == "know_asked" else None
            con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}", asked)
        yield past
    finally:
        drop_temporary(con, TEMPORARY_TABLES)
