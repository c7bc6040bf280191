"""Connectors, one file each; `connectors()` finds them."""

import sys
from functools import cache

from pipelines.collect.connector import Connector
from schemas.discovery import discover


@cache
def connectors() -> dict[str, Connector]:
    """Every connector by name."""
    return discover(sys.modules[__name__], "CONNECTOR", Connector)
