"""What is left of deleted rows in the lake's files: rewritten, expired, removed, also where readers still look."""

import time
from datetime import UTC, datetime

import numpy as np

from warehouse.erase_catalog import recompute_statistics, renew_catalog
from warehouse.key_index import segments, write_segment
from warehouse.lake import Lake
from warehouse.maintain import expire_snapshots, remove_files, rewrite_deletes
from warehouse.published import break_leases

KEY_DIGITS = 16  # of an interaction's id, as the key index holds it


def rewrite_lake(lake: Lake, grace_seconds: float) -> None:
    """Leave only what the newest snapshot holds, in files, statistics, catalog and published copies.

    Each step can be repeated, so a process that is killed in one is followed by another that begins again. Readers of
    older publications get `grace_seconds` to end; then their files go, and they are sent to the newest one.
    """
    rewrite_deletes(lake, everything=True)
    expire_snapshots(lake, datetime.now(UTC))
    recompute_statistics(lake)
    renew_catalog(lake)
    lake.publish()
    if lake.settings.catalog:  # its readers hold no leases that could be waited for
        time.sleep(grace_seconds)
    else:
        break_leases(lake.home.published, grace_seconds)
    remove_files(lake, grace_seconds=0)


def drop_keys(lake: Lake, keys: list[str]) -> None:
    """Take the keys of erased interactions (16 hex digits each) out of the key index.

    A key that an interaction which stays has too is left alone: the index may lack none of these.
    """
    listed = "SELECT UNNEST(?::VARCHAR[])"
    prefix = f"left(interaction_id, {KEY_DIGITS})"
    staying = lake.con.execute(f"SELECT DISTINCT {prefix} FROM interactions WHERE {prefix} IN ({listed})", [keys])
    gone = sorted(set(keys) - {key for (key,) in staying.fetchall()})
    numbers = np.array([int(key, 16) for key in gone], np.uint64)
    for segment in segments(lake.home.index):
        keys_there, days = np.array(segment.keys()), np.array(segment.days())
        stays = ~np.isin(keys_there, numbers)
        if not stays.all():
            segment.remove()  # whole or not at all: one that is missing is made anew
            write_segment(lake.home.index, segment.first, segment.last, keys_there[stays], days[stays])
