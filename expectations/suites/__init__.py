"""The suites, one file for each table or connector; `suites()` finds them."""

import sys
from functools import cache

from expectations.suite import Suite
from schemas.discovery import discover


@cache
def suites() -> dict[str, Suite]:
    """Every declared suite by the name of its file."""
    return discover(sys.modules[__name__], "SUITE", Suite)
