"""Finds the customer behind an identifier that a person typed."""

import duckdb

from schemas.identifiers import NORMALISED_KINDS, SEPARATOR, normalised, split_identifier

_ANY_OTHER_KIND = ""


def find(con: duckdb.DuckDBPyConnection, identifier_text: str) -> list[tuple[str, str]]:
    """The current (identifier, customer_id) pairs that `KIND:VALUE` or a bare VALUE may mean, by identifier.

    The value is normalised as at collection, so `email: Ann@Example.com` finds `email:ann@example.com`. A
    text with a colon is read as KIND:VALUE first and as a bare VALUE only if that finds nothing. Several
    pairs mean that a bare value is ambiguous; none that nobody is known by it.
    """
    text = identifier_text.strip()
    return _by_kind(con, text) or _by_value(con, text)


def _by_kind(con: duckdb.DuckDBPyConnection, text: str) -> list[tuple[str, str]]:
    parts = split_identifier(text)
    if parts is None:
        return []
    kind, value = parts
    return con.execute(
        """
        SELECT identifier, customer_id
        FROM identities
        WHERE known_to IS NULL
            AND identifier = ?
        """,
        [kind + SEPARATOR + normalised(kind, value)],
    ).fetchall()


def _by_value(con: duckdb.DuckDBPyConnection, text: str) -> list[tuple[str, str]]:
    spellings = sorted({normalised(kind, text) for kind in (*NORMALISED_KINDS, _ANY_OTHER_KIND)})
    rows = con.execute(
        """
        SELECT identifier, customer_id, kind, value
        FROM identities
        WHERE known_to IS NULL
            AND value IN (SELECT UNNEST(?))
        ORDER BY identifier
        """,
        [spellings],
    ).fetchall()
    return [(found, customer) for found, customer, kind, value in rows if value == normalised(kind, text)]
