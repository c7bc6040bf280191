"""The limit of rejections: a load of a source that is beyond it is held before anything of it is published."""

from collections.abc import Mapping, Sequence

from flows.progress import Counts
from pipelines.collect.landing import LandedFile
from schemas.table import literals
from warehouse.errors import RapportError
from warehouse.lake import Lake

LEAST_RECORDS = 1_000


def hold_beyond_limit(lake: Lake, files: Sequence[LandedFile], counts: Mapping[str, Counts]) -> None:
    """Raise RapportError if more than the set share of a source's records was rejected, from 1,000 records up."""
    for source, of_source in sorted(lake.settings.sources.items()):
        ids = [file.file_id for file in files if file.source == source]
        found = sum((counts[file_id] for file_id in ids), Counts())
        limit = of_source.rejection_limit
        if limit is not None and found.received >= LEAST_RECORDS and found.rejected > limit * found.received:
            raise RapportError(_sentence(lake, source, limit, ids, found))


def _sentence(lake: Lake, source: str, limit: float, ids: Sequence[str], found: Counts) -> str:
    listed = literals(ids)
    code, reason, count = lake.con.execute(
        f"SELECT reason_code, MIN(reason), COUNT(*) FROM rejections WHERE file_id IN ({listed}) "
        "GROUP BY reason_code ORDER BY COUNT(*) DESC, reason_code LIMIT 1"
    ).fetchall()[0]
    return (
        f"source '{source}': {found.rejected:,} of {found.received:,} records were rejected, more than its limit of "
        f"{limit:.2%}, so nothing was published. The most frequent reason is {code} ({count:,}): {reason}. "
        f"The files stay landed: raise rejection_limit under [sources.{source}] and type `rapport run`; "
        "after the mend, `rapport rejections --replay` loads what passes then"
    )
