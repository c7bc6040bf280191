"""Rollups, one file each, named as their table; `rollups()` finds them."""

import sys
from functools import cache

from pipelines.keep.definition import Rollup
from schemas.discovery import discover


@cache
def rollups() -> dict[str, Rollup]:
    """Every rollup by the name of its table."""
    return discover(sys.modules[__name__], "ROLLUP", Rollup)
