"""The names of the members that `properties` have: what a source sends that no column takes."""

import re

import duckdb

from warehouse.queries import number

# To look at each record would cost a fifteenth of reading it; at so many, spread over the part, about a fiftieth.
LOOKED_AT = 20_000
_MOST_NAMES = 500
# A name that a program chose. Others may be values that somebody uses as names, such as addresses.
_NAME = re.compile(r"(?!.*\d{5})[^\W\d][\w$ .:-]{0,62}|\$[\w$ .:-]{1,62}")


def is_plain_name(name: str) -> bool:
    """Whether `name` looks like one that a program chose for a field, not like a value."""
    return _NAME.fullmatch(name) is not None


def member_names(con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Names of members of `properties`, and of `traits` in them, in the accepted records of `checked`, sorted.

    Of a large part, a sample that is the same for the same records. What is no plain name is left out.
    """
    if "properties" not in {row[0] for row in con.execute("DESCRIBE checked").fetchall()}:
        return ()
    each = max(1, number(con, "SELECT COUNT(*) FROM checked") // LOOKED_AT)
    rows = con.execute(f"""
        WITH looked_at AS (
            SELECT properties
            FROM checked
            WHERE hash(rowid) % {each} = 0 AND properties IS NOT NULL AND reason_code IS NULL
        ),
        keys AS (
            SELECT json_keys(properties) AS names,
                CASE WHEN contains(properties, '"traits"') THEN json_keys(properties, '$.traits') END AS traits
            FROM looked_at
        ),
        shapes AS (
            SELECT DISTINCT names, traits
            FROM keys
        )
        SELECT DISTINCT unnest(list_concat(names, list_transform(traits, lambda name: 'traits.' || name))) AS name
        FROM shapes
        ORDER BY name
    """).fetchall()
    return tuple(name for (name,) in rows if is_plain_name(name))[:_MOST_NAMES]
