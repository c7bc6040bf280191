"""What two ingests of the same files must agree on: counts, sums, and sums over ids and times."""

from benchmarks.contender import Tables

# Sums over the first digits of the ids and over the times in microseconds differ as soon as one row differs.
_QUERIES = {
    "interactions": (
        "COUNT(*)",
        "SUM(amount)",
        "COUNT(DISTINCT anchor)",
        "COUNT(DISTINCT event_name)",
        "SUM(CAST('0x' || left(interaction_id, 12) AS UBIGINT))",
        "SUM(epoch_us(occurred_at))",
    ),
    "rejections": ("COUNT(*)",),
    "daily_activity": (
        "COUNT(*)",
        "SUM(interaction_count)",
        "SUM(amount)",
        "COUNT(DISTINCT anchor)",
    ),
    "daily_categories": ("COUNT(*)", "SUM(interaction_count)", "SUM(amount)", "SUM(quantity)"),
    "orders": ("COUNT(*)", "SUM(amount)", "SUM(line_count)", "SUM(quantity)"),
    "statements": ("COUNT(*)", "SUM(CAST('0x' || left(statement_id, 12) AS UBIGINT))", "COUNT(DISTINCT value)"),
}


def figures(tables: Tables) -> dict[str, str]:
    """Each figure as text, under `<table>: <expression>`; an empty sum is 0."""
    found: dict[str, str] = {}
    for table, expressions in _QUERIES.items():
        columns = ", ".join(f"COALESCE({expression}, 0)::VARCHAR" for expression in expressions)
        values = tables.execute(f"SELECT {columns} FROM {table}").fetchall()[0]
        found |= {f"{table}: {expression}": value for expression, value in zip(expressions, values, strict=True)}
    return found
