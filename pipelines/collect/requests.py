"""Landed lines that the collector put in an envelope: what a request says besides its payload."""

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from schemas.table import literal

ENVELOPE = "rapport_request"
_START = f'{{"{ENVELOPE}":'
_RECEIVED, _HEADERS, _BODY = (
    literal(path) for path in (f"$.{ENVELOPE}.received_at", f"$.{ENVELOPE}.headers", "$.body")
)
COLUMNS = ("request_received_at", "request_headers")


def opened(con: duckdb.DuckDBPyConnection, lines: pa.Table) -> pa.Table:
    """`lines` (column payload) without their envelopes, and what these say: COLUMNS, texts, NULL for plain lines.

    An envelope is `{"rapport_request":{"received_at":…,"headers":{…}},"body":…}`. One look at the beginning of each
    line, if there is none.
    """
    if not pc.any(pc.starts_with(lines["payload"], _START)).as_py():
        for name in COLUMNS:
            lines = lines.append_column(name, pa.nulls(len(lines), pa.string()))
        return lines
    con.register("landed_lines", lines)
    found = con.execute(f"""
        WITH marked AS (SELECT *, {_is_enveloped_sql()} AS is_enveloped FROM landed_lines)
        SELECT * EXCLUDE (is_enveloped) REPLACE (
                CASE WHEN is_enveloped THEN {_body_sql()} ELSE payload END AS payload
            ),
            CASE WHEN is_enveloped THEN json_extract_string(payload, {_RECEIVED}) END AS {COLUMNS[0]},
            CASE WHEN is_enveloped THEN json_extract(payload, {_HEADERS})::VARCHAR END AS {COLUMNS[1]}
        FROM marked
    """).to_arrow_table()
    con.unregister("landed_lines")
    return found


def split_envelope(con: duckdb.DuckDBPyConnection, line: str) -> tuple[str | None, str]:
    """What stands in a line's envelope (JSON, None if it has none) and its body, or the line itself."""
    if not line.startswith(_START):
        return None, line
    request = f"json_extract(payload, '$.{ENVELOPE}')::VARCHAR"
    found = con.execute(
        f"SELECT {request}, {_body_sql()} FROM (SELECT ? AS payload) WHERE {_is_enveloped_sql()}", [line]
    ).fetchone()
    return found or (None, line)


def joined_envelope(request: str, body: str) -> str:
    """A line of both again."""
    return f'{_START}{request},"body":{body}}}'


def _is_enveloped_sql() -> str:
    return f"COALESCE(starts_with(payload, {literal(_START)}) AND json_valid(payload), FALSE)"


def _body_sql() -> str:
    return f"COALESCE(json_extract(payload, {_BODY})::VARCHAR, 'null')"
