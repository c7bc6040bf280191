"""Copies of one event: when two say the same, and which of several wins (architecture, section 2)."""

from schemas.table import literal, quoted
from schemas.tables import tables

# What the pipeline adds (the anchor follows from the identifiers and the settings), and when a retry arrived: neither
# makes two copies say something else.
_NOT_SAID = (
    "batch_id",
    "file_id",
    "row_number",
    "element",
    "commit_seq",
    "ingested_at",
    "received_at",
    "is_received_assigned",
    "anchor",
)


def content_sql() -> str:
    """SQL for the SHA-256 of what a copy says, over the columns of `interactions`."""
    said = [name for name in tables()["interactions"].column_names if name not in _NOT_SAID]
    packed = ", ".join(f"{literal(name)}: {quoted(name)}" for name in said)
    return f"sha256(to_json({{{packed}}}))"


def winner_order_sql(content: str = "content") -> str:
    """The order of copies, winner first, for an ORDER BY over the columns of `interactions` and `content`.

    The greatest version that the source declares (numbers as numbers), else the earliest received time that the
    source gives, else the smallest digest: a function of the set of copies, never of their order of arrival.
    """
    return (
        "TRY_CAST(source_version AS DECIMAL(38,9)) DESC NULLS LAST, source_version DESC NULLS LAST, "
        f"CASE WHEN NOT is_received_assigned THEN received_at END NULLS LAST, {content}"
    )
