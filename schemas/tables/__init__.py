"""The public tables, one file each; `tables()` finds them."""

import sys
from dataclasses import replace
from functools import cache

from schemas.discovery import discover
from schemas.table import Table


@cache
def tables() -> dict[str, Table]:
    """Every declared table by name."""
    found = discover(sys.modules[__name__], "TABLE", Table)
    return {name: replace(table, name=name) for name, table in found.items()}
