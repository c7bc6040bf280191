"""Which pairs are compared: people who share a key, made of two attributes, or of one that nearly tells a person.

Names stand in for one another, and so do the two lines of an address: people swap them. A key that many share brings
nobody together; two of one person nearly always share another.
"""

import duckdb

CROWD = 50
PAIRS_SCHEMA = "join_key_l VARCHAR, join_key_r VARCHAR, match_key VARCHAR"

_ALONE = ("number", "email", "mailbox", "phone")
_NAMES = ("given", "surname")
_LINES = ("street", "extra")
_WITH_NAMES = ("birth", "left(birth, 4)", "place", "postcode")
_WITH_LINES = ("house", "place", "postcode")
_WITH_BIRTH = ("place", "postcode", "house")


def block(own: duckdb.DuckDBPyConnection) -> None:
    """Make `pairs` on the bench, as Splink takes them: pairs of `people` of whom at least one has changed."""
    own.execute(f"CREATE OR REPLACE TABLE pairs ({PAIRS_SCHEMA})")
    own.execute(f"""
        INSERT INTO pairs
        WITH held AS (
            SELECT DISTINCT identifier, is_changed, UNNEST([{", ".join(_keys())}]) AS key
            FROM people
        ),
        small AS (
            SELECT key
            FROM held
            WHERE key IS NOT NULL
            GROUP BY key
            HAVING COUNT(*) BETWEEN 2 AND {CROWD} AND bool_or(is_changed)
        ),
        kept AS (
            FROM held
            SEMI JOIN small USING (key)
        )
        SELECT DISTINCT one.identifier, other.identifier, '0'
        FROM kept AS one
        JOIN kept AS other ON other.key = one.key AND other.identifier > one.identifier
        WHERE one.is_changed OR other.is_changed
    """)


def _keys() -> list[str]:
    """SQL of the keys of one person: the attributes' values behind a mark of which they are; NULL if one is unknown."""
    names = [_key(f"name {mark}", name, other) for name in _NAMES for mark, other in enumerate(_WITH_NAMES)]
    lines = [_key(f"line {mark}", line, other) for line in _LINES for mark, other in enumerate(_WITH_LINES)]
    births = [_key(f"birth {mark}", "birth", other) for mark, other in enumerate(_WITH_BIRTH)]
    both = _key("names", "least(given, surname)", "greatest(given, surname)", "given || surname")
    return [both, *names, *lines, *births, *(_key(column, column) for column in _ALONE)]


def _key(mark: str, *values: str) -> str:
    return f"'{mark}' || " + " || ".join(f"chr(31) || {value}" for value in values)
