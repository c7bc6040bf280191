"""People: one row for each person that events know of, with what is stated about them, normalised for comparison.

A person is a customer, or a part of one: where an accepted proposal has joined two, each is still a person of its own
here, so that a model is asked again about the pair, and gives the same answer whatever was accepted before.
"""

from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.resolve.components import component_anchors
from pipelines.resolve.proposals.attributes import (
    ADDRESS,
    COLUMNS,
    attributes_sql,
    normalised_attributes_sql,
    plain_name_sql,
)
from schemas.identifiers import priority_sql
from warehouse.queries import drop_temporary, number
from warehouse.settings import IdentitySettings

PEOPLE = "proposal_people"
MEMBERS = "proposal_members"
_TEMPORARY = (PEOPLE, MEMBERS, "proposal_parts", "proposal_joined", "proposal_stated")


def gather_people(
    con: duckdb.DuckDBPyConnection, settings: IdentitySettings, since: int | None, until: datetime | None = None
) -> int:
    """Fill `proposal_people` (identifier, is_changed, the attributes); returns how many people there are.

    `identifier` is the person's anchor: of the identifiers under which something is stated the one of highest kind
    priority, then the smallest. Of several statements on one attribute the latest counts; `until` leaves out what was
    stated then or later. `is_changed` says that a commit after `since` (None: any) said or took back something, or
    gave or took an identifier. `proposal_members` gives the anchor for each identifier of the people.
    """
    _gather_parts(con, settings)
    con.execute(_STATED, {"until": until})
    con.execute(_members_sql(settings))
    con.execute(_people_sql(settings), {"since": -1 if since is None else since})
    return number(con, f"SELECT COUNT(*) FROM {PEOPLE}")


def forget_people(con: duckdb.DuckDBPyConnection) -> None:
    """Drop what `gather_people` made."""
    drop_temporary(con, _TEMPORARY)


def _gather_parts(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """Fill `proposal_parts` (identifier, part): the identifiers of customers whom proposals have joined."""
    con.execute(_JOINED, {"accept": settings.accept})
    ends = con.execute(_TIES).fetchnumpy()
    left, right = (np.asarray(ends[name], dtype=np.int64) for name in ("left_node", "right_node"))
    anchors = component_anchors(number(con, "SELECT COUNT(*) FROM proposal_joined"), left, right)
    con.register("proposal_anchors", pa.table({"node": np.arange(len(anchors)), "part": anchors}))
    con.execute("""
        CREATE OR REPLACE TEMP TABLE proposal_parts AS
        SELECT identifier, part
        FROM proposal_joined
        JOIN proposal_anchors USING (node)
    """)
    con.unregister("proposal_anchors")


_JOINED = """
    CREATE OR REPLACE TEMP TABLE proposal_joined AS
    WITH accepted AS (
        SELECT left_identifier, right_identifier
        FROM identity_proposals
        WHERE probability >= $accept
    ),
    customers AS (
        SELECT DISTINCT one.customer_id
        FROM accepted
        JOIN identities AS one ON one.identifier = accepted.left_identifier AND one.known_to IS NULL
        JOIN identities AS other ON other.identifier = accepted.right_identifier AND other.known_to IS NULL
        WHERE one.customer_id = other.customer_id
    ),
    members AS (
        SELECT DISTINCT identifier
        FROM identities
        WHERE known_to IS NULL AND customer_id IN (SELECT customer_id FROM customers)
    )
    SELECT identifier, ROW_NUMBER() OVER (ORDER BY identifier) - 1 AS node
    FROM members
"""

# What ties identifiers together but for proposals: events, and what a person said last.
_TIES = """
    WITH acts AS (
        SELECT left_identifier, right_identifier, act
        FROM identity_acts
        WHERE act IN ('link', 'unlink') AND valid_from IS NULL AND valid_to IS NULL
        QUALIFY ROW_NUMBER() OVER (
            PARTITION BY left_identifier, right_identifier ORDER BY acted_at DESC, act_id DESC
        ) = 1
    ),
    pairs AS (
        SELECT left_identifier, right_identifier
        FROM identity_links
        ANTI JOIN (FROM acts WHERE act = 'unlink') USING (left_identifier, right_identifier)
        UNION
        SELECT left_identifier, right_identifier FROM acts WHERE act = 'link'
    )
    SELECT one.node AS left_node, other.node AS right_node
    FROM pairs
    JOIN proposal_joined AS one ON one.identifier = pairs.left_identifier
    JOIN proposal_joined AS other ON other.identifier = pairs.right_identifier
"""

# What a shared identifier says is said of no certain person; so it is left out.
_STATED = f"""
    CREATE OR REPLACE TEMP TABLE proposal_stated AS
    WITH named AS (
        SELECT anchor, {plain_name_sql("name")} AS name, value, stated_at, statement_id, commit_seq
        FROM statements
        WHERE $until IS NULL OR stated_at < $until
    ),
    members AS (
        SELECT anchor, {plain_name_sql("member.key")} AS name, member.value ->> '$' AS value,
            stated_at, statement_id, commit_seq
        FROM (FROM named WHERE name = '{ADDRESS}' AND json_valid(value)) AS address
        CROSS JOIN json_each(CASE WHEN json_type(address.value) = 'OBJECT' THEN address.value ELSE '{{}}' END) AS member
    ),
    said AS (
        FROM named WHERE name <> '{ADDRESS}' OR NOT starts_with(ltrim(value), '{{')
        UNION ALL
        FROM members
    )
    SELECT said.anchor AS identifier, attributes.attribute, said.name, said.value, said.stated_at,
        said.statement_id, said.commit_seq, current.kind, current.value AS identifier_value,
        current.customer_id || coalesce(':' || parts.part, '') AS person, current.commit_seq AS known_seq
    FROM said
    JOIN ({attributes_sql()}) AS attributes(name, attribute) USING (name)
    JOIN identities AS current ON current.identifier = said.anchor
        AND current.known_to IS NULL
        AND current.relation IS DISTINCT FROM 'own'
        AND (current.valid_from IS NULL OR said.stated_at >= current.valid_from)
        AND (current.valid_to IS NULL OR said.stated_at < current.valid_to)
    LEFT JOIN proposal_parts AS parts ON parts.identifier = said.anchor
    WHERE trim(said.value) <> ''
"""


def _members_sql(settings: IdentitySettings) -> str:
    """The anchor of the person of each identifier, those included under which nothing is stated."""
    best = f"{{'p': -({priority_sql('kind', settings.priorities)}), 'v': identifier_value, 'k': kind, 'i': identifier}}"
    return f"""
        CREATE OR REPLACE TEMP TABLE {MEMBERS} AS
        WITH anchors AS (
            SELECT person, MIN({best}).i AS anchor
            FROM proposal_stated
            GROUP BY person
        )
        SELECT DISTINCT current.identifier, current.kind, current.value, current.commit_seq,
            anchors.anchor, anchors.person
        FROM identities AS current
        LEFT JOIN proposal_parts AS parts USING (identifier)
        JOIN anchors ON anchors.person = current.customer_id || coalesce(':' || parts.part, '')
        WHERE current.known_to IS NULL
            AND current.relation IS DISTINCT FROM 'own'
    """


def _people_sql(settings: IdentitySettings) -> str:
    names = ("given", "surname", "full", "birth", "number", "email", "phone", "street", "extra", "house", "place")
    stated = ", ".join(
        f"MAX({{'at': stated_at, 'id': statement_id, 'name': name, 'value': value}}) "
        f"FILTER (attribute = '{name}').value AS \"{name}\""
        for name in (*names, "postcode")
    )
    held = ", ".join(f"MIN(value) FILTER (kind = '{kind}') AS held_{kind}" for kind in ("email", "phone"))
    return f"""
        CREATE OR REPLACE TEMP TABLE {PEOPLE} AS
        WITH stated AS (
            SELECT anchors.anchor AS identifier, MAX(said.commit_seq) AS said_seq, {stated}
            FROM proposal_stated AS said
            JOIN (SELECT DISTINCT person, anchor FROM {MEMBERS}) AS anchors USING (person)
            GROUP BY anchors.anchor
        ),
        held AS (
            SELECT anchor AS identifier, MAX(commit_seq) AS held_seq, {held}
            FROM {MEMBERS}
            GROUP BY anchor
        ),
        lost AS (
            SELECT DISTINCT members.anchor AS identifier
            FROM interaction_versions AS versions
            JOIN {MEMBERS} AS members ON members.identifier = versions.anchor
            WHERE versions.commit_to > $since AND versions.event_name = 'identify'
        ),
        known AS (
            SELECT * REPLACE (coalesce(email, held_email) AS email, coalesce(phone, held_phone) AS phone),
                greatest(said_seq, held_seq) > $since OR identifier IN (FROM lost) AS is_changed
            FROM stated
            JOIN held USING (identifier)
        ),
        people AS (
            SELECT identifier, is_changed, {normalised_attributes_sql(settings.blocked_values)}
            FROM known
        )
        FROM people
        WHERE coalesce({", ".join(COLUMNS)}) IS NOT NULL
    """
