"""What the customers still to decide for allow: temporary table `decide_consents`, per customer and purpose of offers.

The rule is that of `warehouse.consent_states`, on what was stated before as_of and has not expired by then.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import duckdb

from warehouse.consent_states import states_sql

_HEARD = "COALESCE(c.heard_at, c.stated_at)"
_SPOKEN = f"""
    SELECT p.customer_id, c.*
    FROM (SELECT * FROM consents WHERE stated_at < $as_of AND {{anchored}}) c
    JOIN decide_people p ON p.identifier = c.anchor
        AND {_HEARD} >= COALESCE(p.valid_from, {_HEARD})
        AND (p.valid_to IS NULL OR {_HEARD} < p.valid_to)
"""
_PURPOSES = "SELECT DISTINCT purpose AS name FROM decide_offers"
_CHANNELS = "SELECT DISTINCT UNNEST(channels) AS name FROM decide_offers"


def make_consents(con: duckdb.DuckDBPyConnection, as_of: datetime, anchored: str) -> None:
    """Make the table from `decide_people` and `decide_offers`.

    `denied` and `granted` are channels, `denied_since` channels with the day, `stated` what decides on each channel.
    `anchored` holds for the statements of the customers, and may hold for others.
    """
    states = states_sql("$as_of", _SPOKEN.format(anchored=anchored), _PURPOSES, _CHANNELS)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decide_consents AS
        SELECT
            customer_id,
            purpose,
            list(channel ORDER BY channel) FILTER (status = 'denied') AS denied,
            list(channel ORDER BY channel) FILTER (status = 'granted') AS granted,
            list({{'channel': channel, 'day': strftime(stated_at, '%Y-%m-%d')}} ORDER BY channel)
                FILTER (status = 'denied') AS denied_since,
            list({{'purpose': purpose, 'channel': channel, 'status': status, 'consent_id': consent_id}}
                ORDER BY channel) AS stated
        FROM ({states})
        WHERE status IS NOT NULL
        GROUP BY customer_id, purpose
        """,
        {"as_of": as_of},
    )


def open_channels(channels: list[str], purpose: str, stated: list[Mapping[str, Any]], opt_in: list[str]) -> list[str]:
    """Those of `channels` on which a customer may be contacted for `purpose`, as `stated` in a decision's terms."""
    known = {one["channel"]: one["status"] for one in stated if one["purpose"] == purpose}
    if purpose in opt_in:
        return [channel for channel in channels if known.get(channel) == "granted"]
    return [channel for channel in channels if known.get(channel) != "denied"]


# The same in SQL, for an offer `o` and a row `d` of decide_consents that may be missing.
OPEN_CHANNELS = """
    list_filter(
        o.channels,
        lambda channel: CASE
            WHEN o.needs_grant THEN COALESCE(list_contains(d.granted, channel), FALSE)
            ELSE NOT COALESCE(list_contains(d.denied, channel), FALSE)
        END
    )
"""
DENIED_SINCE = """
    list_transform(
        list_filter(d.denied_since, lambda one: list_contains(o.channels, one.channel)),
        lambda one: one.channel || ' since ' || one.day
    )
"""
