"""Upkeep of the lake's files by itself, behind what was committed."""

from collections.abc import Callable

from flows.failures import EXPECTED, sentence
from warehouse.lake import Lake


def keep_up(lake: Lake, tell: Callable[[str], None]) -> None:
    """Do the upkeep if it is due. What was committed is published already, so a failure is only told.

    The next run tries again, as it is still due then.
    """
    from warehouse.maintain import maintain_if_due

    try:
        report = maintain_if_due(lake)
    except EXPECTED as problem:
        tell(f"the upkeep of files failed, the data are whole; `rapport maintain` repeats it: {sentence(problem)}")
        return
    if report:
        tell(f"upkeep: {report.merged_files + report.rewritten_files} files merged, {report.removed_files} removed")
