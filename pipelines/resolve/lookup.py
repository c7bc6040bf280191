"""Finds the customer behind an identifier that a person typed."""

import duckdb

from schemas.identifiers import NORMALISED_KINDS, SEPARATOR, spellings, split_identifier

_ANY_OTHER_KIND = ""


def find(con: duckdb.DuckDBPyConnection, identifier_text: str, phone_region: str) -> list[tuple[str, str]]:
    """The current (identifier, customer_id) pairs that `KIND:VALUE` or a bare VALUE may mean, by identifier.

    The value is normalised as at collection, so `email: Ann@Example.com` finds `email:ann@example.com`. A
    text with a colon is read as KIND:VALUE first and as a bare VALUE only if that finds nothing. Several
    pairs mean that a bare value is ambiguous; none that nobody is known by it. A telephone number of KIND:VALUE that
    is not known in its form of now is sought in its earlier one.
    """
    text = identifier_text.strip()
    for identifier in _identifiers(text, phone_region):
        if found := _called(con, identifier):
            return found
    return _by_value(con, text, phone_region)


def find_earlier(con: duckdb.DuckDBPyConnection, identifier_text: str, phone_region: str) -> list[tuple[str, str]]:
    """The pairs of KIND:VALUE where it is kept as it was before the settings that hold: until the lake is rebuilt."""
    return [pair for name in _identifiers(identifier_text.strip(), phone_region)[1:] for pair in _called(con, name)]


def _identifiers(text: str, phone_region: str) -> list[str]:
    """The identifiers that KIND:VALUE may be, as it would be kept now first; none for a bare value."""
    parts = split_identifier(text)
    if parts is None:
        return []
    return [parts[0] + SEPARATOR + value for value in spellings(*parts, phone_region)]


def _called(con: duckdb.DuckDBPyConnection, identifier: str) -> list[tuple[str, str]]:
    return con.execute(
        """
        SELECT identifier, customer_id
        FROM identities
        WHERE known_to IS NULL
            AND identifier = ?
        """,
        [identifier],
    ).fetchall()


def _by_value(con: duckdb.DuckDBPyConnection, text: str, phone_region: str) -> list[tuple[str, str]]:
    kinds = (*NORMALISED_KINDS, _ANY_OTHER_KIND)
    rows = con.execute(
        """
        SELECT identifier, customer_id, kind, value
        FROM identities
        WHERE known_to IS NULL
            AND value IN (SELECT UNNEST(?))
        ORDER BY identifier
        """,
        [sorted({value for kind in kinds for value in spellings(kind, text, phone_region)})],
    ).fetchall()
    return [(found, customer) for found, customer, kind, value in rows if value in spellings(kind, text, phone_region)]
