"""Upkeep: deleted rows written out, small files merged, old snapshots and unneeded files removed.

Runs in the committing process. Each step is whole by itself: a process killed in one leaves what was there before
or what comes after it, and files that the next writer or the next upkeep removes. No step changes a row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from schemas.table import literal, literals, quoted
from warehouse.file_statistics import Statistics, statistics
from warehouse.lake import CATALOG, METADATA, Lake
from warehouse.queries import number
from warehouse.rewrite import (
    MEGABYTE,
    DataFile,
    Group,
    count_again,
    files_by_table,
    merges,
    rewrites,
    set_options,
    write_anew,
)
from warehouse.settings import MaintainSettings

STAGE = "maintain"
_MANY = 1_000


@dataclass(frozen=True)
class MaintainReport:
    """What an upkeep did: files rewritten, merged, removed, left for readers; snapshots expired; before, after."""

    rewritten_files: int
    merged_files: int
    expired_snapshots: int
    removed_files: int
    spared_files: int
    before: Statistics
    after: Statistics


@dataclass(frozen=True)
class Removal:
    """Files that no commit needs any more: how many were removed, how many stay as a reader may open them."""

    removed_files: int
    spared_files: int


class Plan(Protocol):
    """Which files of a table are written anew together."""

    def __call__(self, files: Sequence[DataFile], target: int, *, everything: bool) -> list[Group]:
        """The groups, none larger than `target` bytes."""


def maintain_if_due(lake: Lake) -> MaintainReport | None:
    """Upkeep of what is small or much deleted, if as many commits as the settings say have passed since the last."""
    policy = lake.settings.maintain
    if not policy.every_commits or _commits_since(lake) < policy.every_commits:
        return None
    return maintain(lake, policy, everything=False)


def maintain(lake: Lake, policy: MaintainSettings, *, everything: bool = True) -> MaintainReport:
    """All steps, noted in `batches`; readers see the result before a file goes.

    With `everything`, each deleted row is written out and each table merged as far as files may grow; else only
    where it is cheap in proportion to what was committed since.
    """
    before = statistics(lake)
    merged = merge_files(lake, everything)
    rewritten = rewrite_deletes(lake, everything)
    count_again(lake)
    expired = expire_snapshots(lake, _oldest_kept(lake, policy))
    _note(lake)
    removal = remove_files(lake, policy.reader_grace_seconds)
    return MaintainReport(
        rewritten, merged, expired, removal.removed_files, removal.spared_files, before, statistics(lake)
    )


def merge_files(lake: Lake, everything: bool = True) -> int:
    """Make few files of many, without their deleted rows; gives how many data files were replaced.

    All below the target size; or, not `everything`, only the small, and larger ones of a size by eights.
    """
    return _write_anew(lake, merges, everything)


def rewrite_deletes(lake: Lake, everything: bool = True) -> int:
    """Write files anew without their deleted rows: all that have some, or those where a tenth is deleted.

    Gives how many data files were replaced. What was in them goes with `expire_snapshots` and `remove_files`.
    """
    return _write_anew(lake, rewrites, everything)


def expire_snapshots(lake: Lake, older_than: datetime) -> int:
    """Forget the snapshots before `older_than`, but never the newest; gives how many.

    What only they needed waits for `remove_files`.
    """
    limit = f"{literal(older_than.isoformat())}::TIMESTAMPTZ"
    found = lake.con.execute(f"CALL ducklake_expire_snapshots({literal(CATALOG)}, older_than => {limit})").fetchall()
    return len(found)


def remove_files(lake: Lake, grace_seconds: float | None = None) -> Removal:
    """Delete the files that no snapshot needs, but for those that readers may still open.

    Readers are told of the newest state first. Where they hold no lease (PostgreSQL), a file stays for
    `grace_seconds`, by default those of the settings, after it was last needed.
    """
    lake.publish()
    grace = lake.settings.maintain.reader_grace_seconds if grace_seconds is None else grace_seconds
    lake.catalog.confirm()
    in_use = lake.catalog.in_use(lake.con, grace)
    waiting = _waiting(lake)
    free = {name: path for name, path in waiting.items() if path not in in_use}
    for path in free.values():
        path.unlink(missing_ok=True)
    _forget(lake, free)
    lake.publish()
    return Removal(len(free), len(waiting) - len(free))


def _commits_since(lake: Lake) -> int:
    return number(
        lake.con,
        "SELECT COALESCE(MAX(commit_seq), 0) - COALESCE(MAX(commit_seq) FILTER (stage = ?), 0) FROM batches",
        [STAGE],
    )


def _oldest_kept(lake: Lake, policy: MaintainSettings) -> datetime:
    """The time before which snapshots go: the later one of the two limits."""
    by_age = datetime.now(UTC) - timedelta(days=policy.keep_snapshots_days)
    row = lake.con.execute(
        f"SELECT MIN(snapshot_time) FROM (SELECT snapshot_time FROM ducklake_snapshots({literal(CATALOG)}) "
        "ORDER BY snapshot_id DESC LIMIT ?)",
        [max(1, policy.keep_snapshots)],
    ).fetchone()
    return max(by_age, row[0]) if row and row[0] else by_age


def _note(lake: Lake) -> None:
    with lake.commit() as run:
        lake.con.execute(
            "INSERT INTO batches BY NAME SELECT ? AS batch_id, ? AS stage, ? AS commit_seq, ? AS started_at, "
            "? AS finished_at, 0 AS received_count, 0 AS loaded_count, 0 AS duplicate_count, 0 AS rejected_count, "
            "0 AS suppressed_count",
            [run.batch_id, STAGE, run.commit_seq, run.started_at, datetime.now(UTC)],
        )


def _write_anew(lake: Lake, plan: Plan, everything: bool) -> int:
    set_options(lake)
    target = lake.settings.maintain.target_file_mb * MEGABYTE
    replaced = 0
    for table, files in files_by_table(lake).items():
        for group in plan(files, target, everything=everything):
            write_anew(lake, table, group)
            replaced += len(group)
    return replaced


def _waiting(lake: Lake) -> dict[str, Path]:
    """The files that wait for their removal, by their name in the catalog."""
    data = lake.home.data.resolve()
    rows = lake.con.execute(f"SELECT path FROM {METADATA}.ducklake_files_scheduled_for_deletion").fetchall()
    return {path: data / path for (path,) in rows}


def _forget(lake: Lake, names: Iterable[str]) -> None:
    listed = sorted(names)
    for start in range(0, len(listed), _MANY):
        some = literals(listed[start : start + _MANY])
        lake.con.execute(f"DELETE FROM {quoted(METADATA)}.ducklake_files_scheduled_for_deletion WHERE path IN ({some})")
