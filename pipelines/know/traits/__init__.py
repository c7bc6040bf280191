"""Traits, one file each; `traits()` finds them."""

import sys
from functools import cache

from pipelines.know.trait import Trait
from schemas.discovery import DiscoveryError, discover
from schemas.table import Column
from schemas.tables import tables


@cache
def traits() -> dict[str, Trait]:
    """Every trait by name, in the order of their names."""
    return discover(sys.modules[__name__], "TRAIT", Trait)


def trait_columns() -> tuple[Column, ...]:
    """List the columns that the traits add to `profiles`, in the order of the traits.

    Raises DiscoveryError if two traits, or a trait and the table, give the same column.
    """
    return unique_columns(traits())


def unique_columns(found: dict[str, Trait]) -> tuple[Column, ...]:
    """List the columns of `found` in order; raises DiscoveryError for a column that has two owners."""
    owners = dict.fromkeys(tables()["profiles"].column_names, "table profiles")
    for name, trait in found.items():
        for column in trait.columns:
            owner = owners.get(column.name)
            if owner is not None:
                raise DiscoveryError(f"trait '{name}' gives column '{column.name}', which {owner} has; rename it")
            owners[column.name] = f"trait '{name}'"
    return tuple(column for trait in found.values() for column in trait.columns)
