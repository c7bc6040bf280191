"""The anchors of kept interactions under the settings of today."""

import duckdb

from schemas.identifiers import anchor_sql, blocked_sql
from warehouse.queries import number
from warehouse.settings import IdentitySettings, Settings


def anchor_again(con: duckdb.DuckDBPyConnection, settings: Settings) -> int:
    """Give every interaction, and every copy that lost, the anchor that the settings choose; gives how many changed.

    Identifiers stay as they were loaded, and the commit stays the one that published the row. A value that is blocked
    now is no anchor any more; one that was blocked when it was loaded has gone, and only a rebuild brings it back.
    """
    chosen = _anchor_sql(settings.identity)
    return sum(
        number(con, f"UPDATE {name} SET anchor = {chosen} WHERE anchor IS DISTINCT FROM {chosen}")
        for name in ("interaction_versions", "interactions")
    )


def _anchor_sql(identity: IdentitySettings) -> str:
    kept = f"list_filter(identifiers, lambda i: NOT {blocked_sql('i.value', identity.blocked_values)})"
    # The one-element list binds the kept identifiers to a name, so that they are filtered once.
    return f"list_transform([{kept}], lambda kept: {anchor_sql('kept', identity.priorities)})[1]"
