"""Estimators of what is common to all customers, one file each; `estimators()` finds them."""

import sys
from functools import cache

from schemas.discovery import discover
from warehouse.artefacts import Estimator


@cache
def estimators() -> dict[str, Estimator]:
    """Every estimator by the name of its artefact."""
    return discover(sys.modules[__name__], "ESTIMATOR", Estimator)
