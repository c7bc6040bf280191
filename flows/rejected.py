"""Rejections as people and machines look at them: groups with examples, of which the shape alone is shown."""

from dataclasses import dataclass
from typing import Any

from flows.replay import Chosen
from pipelines.collect.shape import shapes
from warehouse.home import Home
from warehouse.queries import records
from warehouse.reader import LakeReader

_EXAMPLES = 3
_GROUPED = """
    SELECT r.source, r.connector, r.reason_code, COUNT(*) AS records, MIN(r.reason) AS reason
    FROM rejections AS r
    WHERE {chosen}
    GROUP BY r.source, r.connector, r.reason_code
    ORDER BY records DESC, r.source, r.connector, r.reason_code
"""
_PLACES = f"""
    SELECT r.source, r.connector, r.reason_code, f.name, f.path, f.mapping, r.file_id, r.row_number, r.element
    FROM rejections AS r
    JOIN landing_files AS f USING (file_id)
    WHERE {{chosen}}
    QUALIFY row_number() OVER (
        PARTITION BY r.source, r.connector, r.reason_code ORDER BY f.name, r.row_number, r.element, r.file_id
    ) <= {_EXAMPLES}
    ORDER BY ALL
"""
_NEW_FIELDS = """
    SELECT source, field_name, first_seen_at
    FROM source_fields
    WHERE is_new
    ORDER BY source, first_seen_at, field_name
"""


@dataclass(frozen=True)
class Example:
    """Where a rejected record stands, and its shape."""

    file: str
    file_id: str
    row_number: int
    element: int
    shape: str


def rejected_groups(lake: LakeReader, home: Home, chosen: Chosen) -> list[dict[str, Any]]:
    """The chosen rejections by source, connector and reason, most first, each with a few examples."""
    groups = records(lake.sql(_GROUPED.format(chosen=chosen.sql())))
    examples: dict[tuple[str, str, str], list[Example]] = {}
    for *group, name, path, mapping, file_id, row, element in lake.sql(_PLACES.format(chosen=chosen.sql())).fetchall():
        (shape,) = shapes(home.root / path, group[1], mapping, [(row, element)])
        examples.setdefault(tuple(group), []).append(Example(name, file_id, row, element, shape))
    for each in groups:
        listed = examples.get((each["source"], each["connector"], each["reason_code"]), [])
        each["example"] = f"{listed[0].file}, row {listed[0].row_number}" if listed else None
        each["examples"] = [vars(one) for one in listed]
    return groups


def known_names(lake: LakeReader) -> dict[str, list[str]]:
    """The sources, connectors and reasons of all rejections, as they can be asked for."""
    columns = {"source": "source", "connector": "connector", "reason": "reason_code"}
    found = {name: lake.sql(f"SELECT DISTINCT {column} FROM rejections ORDER BY 1") for name, column in columns.items()}
    return {name: [value for (value,) in relation.fetchall()] for name, relation in found.items()}


def new_fields(lake: LakeReader) -> list[dict[str, Any]]:
    """Fields that sources began to send after their first files."""
    if not lake.sql("SELECT 1 FROM duckdb_tables() WHERE table_name = 'source_fields'").fetchall():
        return []  # published by an older version
    return records(lake.sql(_NEW_FIELDS))
