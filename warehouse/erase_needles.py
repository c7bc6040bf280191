"""The values by which a person could still be found in files: theirs alone, 8 bytes or more."""

import duckdb

LEAST_BYTES = 8
# Statistics and dictionaries may cut a long value short; what is looked for is short enough to survive that.
_MOST_CHARACTERS = 64
_KEYS = ("event_id", "order_id", "contact_id")
# Times and numbers are nobody's: others have the same ones in places that no row tells.
_TELLING = f"""
    strlen(value) >= {LEAST_BYTES}
    AND value NOT LIKE '{{%' AND value NOT LIKE '[%'
    AND TRY_CAST(value AS TIMESTAMP WITH TIME ZONE) IS NULL
    AND TRY_CAST(value AS DOUBLE) IS NULL
"""


def _values(relation: str) -> str:
    """SQL for the distinct texts (column `value`) that rows of `relation` hold about their person."""
    keys = "\n    UNION ALL ".join(f"SELECT {name} AS value FROM {relation}" for name in (*_KEYS, "text"))
    return f"""
    SELECT DISTINCT left(value, {_MOST_CHARACTERS}) AS value
    FROM (
        {keys}
        UNION ALL SELECT UNNEST(identifiers).value AS value FROM {relation}
        UNION ALL SELECT UNNEST(json_extract_string(properties, '$..*')) AS value FROM {relation}
    )
    """


def distinctive_values(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The persons' values that no other row has, sorted; their events must be deleted already, but still gathered.

    Values are of identifiers, keys, texts and properties, cut to 64 characters. Identifiers that were theirs alone
    and the ids of their customers are always among them, times and bare numbers of properties never.
    """
    events = "erase_interactions", "erase_versions"
    mine = " UNION ".join(f"SELECT value FROM ({_values(relation)})" for relation in events)
    con.execute(f"CREATE OR REPLACE TEMP TABLE erase_values AS SELECT value FROM ({mine}) WHERE {_TELLING}")
    for relation in ("interactions", "interaction_versions"):
        shared = f"SELECT value FROM ({_values(relation)}) SEMI JOIN erase_values USING (value)"
        con.execute(f"DELETE FROM erase_values WHERE value IN ({shared})")
    rows = con.execute(f"""
        SELECT value FROM erase_values
        UNION
        SELECT value FROM erase_identifiers WHERE NOT is_shared AND strlen(value) >= {LEAST_BYTES}
        UNION
        (SELECT customer_id FROM erase_customers EXCEPT SELECT customer_id FROM identities WHERE known_to IS NULL)
        ORDER BY value
    """).fetchall()
    con.execute("DROP TABLE temp.erase_values")
    return [value for (value,) in rows]


def plain_words(con: duckdb.DuckDBPyConnection, values: list[str]) -> list[str]:
    """Those of `values` that are one word of letters alone, of a text or a property; the persons still gathered.

    Nobody is called by them: they are no identifiers, keys or ids.
    """
    keys = "".join(f"UNION ALL SELECT {name} FROM {{0}} " for name in _KEYS)
    named = " UNION ALL ".join(
        f"SELECT UNNEST(identifiers).value AS value FROM {relation} {keys.format(relation)}"
        for relation in ("erase_interactions", "erase_versions")
    )
    rows = con.execute(
        rf"""
        SELECT value
        FROM (SELECT UNNEST(?::VARCHAR[]) AS value)
        WHERE regexp_full_match(value, '\p{{L}}+')
            AND value NOT IN (SELECT left(value, {_MOST_CHARACTERS}) FROM ({named}) WHERE value IS NOT NULL)
            AND value NOT IN (SELECT value FROM erase_identifiers)
            AND value NOT IN (SELECT customer_id FROM erase_customers)
        ORDER BY value
        """,
        [values],
    ).fetchall()
    return [value for (value,) in rows]


def held_by_others(con: duckdb.DuckDBPyConnection, values: list[str]) -> set[str]:
    """Those of `values` that are a part of what somebody else says, or of what the company says to everybody.

    Looks into every row that stays, so it is asked only for values that were found in a file.
    """
    return {value for value in values if any(_is_said(con, source, text, value) for source, text in _SAID)}


def _is_said(con: duckdb.DuckDBPyConnection, source: str, text: str, value: str) -> bool:
    query = f"SELECT 1 FROM {source} WHERE contains(lower({text}), lower(?)) LIMIT 1"
    return con.execute(query, [value]).fetchone() is not None


_EVENT = (
    "concat_ws(chr(10), event_id, order_id, contact_id, text, properties::VARCHAR, "
    "list_aggregate(list_transform(identifiers, lambda identifier: identifier.value), 'string_agg', chr(10)), "
    "product_id, category, campaign_id, offer_id, source, connector, channel, event_name)"
)
# By source: the text in which a value may stand. Names and words of the company, its settings and its reasons are in
# files of their own; a person's value that is one of these words, such as a category, tells nothing of them. JSON is
# looked at as it was written, too: its spaces and quotes are in the files.
_SAID = (
    ("interactions", _EVENT),
    ("interaction_versions", _EVENT),
    ("offers AS said", "concat_ws(chr(10), to_json(said)::VARCHAR, channels::VARCHAR, rules::VARCHAR)"),
    ("premises AS said", "concat_ws(chr(10), to_json(said)::VARCHAR, rates::VARCHAR, priorities::VARCHAR)"),
    ("artefacts", "concat_ws(chr(10), name, parameters, metrics)"),
    ("consents", "concat_ws(chr(10), purpose, status, legal_basis)"),
    ("decisions", "concat_ws(chr(10), reason, terms, candidates, gates)"),
    ("rejections", "concat_ws(chr(10), connector, source, reason_code, reason)"),
    ("landing_files", "concat_ws(chr(10), connector, source, mapping)"),
    ("batches", "stage"),
    ("duckdb_columns()", "concat_ws(chr(10), table_name, column_name, data_type)"),
    ("duckdb_views()", "sql"),
    ("duckdb_functions()", "concat_ws(chr(10), function_name, macro_definition)"),
)
