"""How tables of rollups are made, handed over by the flows: stages do not import one another."""

from typing import Protocol


class RolledTable(Protocol):
    """A rollup as the keep stage declares it.

    `select` computes its rows from the relation `{rows}` of interactions; `{amount}`, `{is_unconverted}` and
    `{priority}` come from the settings. `scope` is a predicate over interactions `i` that holds for every
    interaction of the rows that the interactions `keep_retracted` belong to.
    """

    @property
    def select(self) -> str:
        """The SELECT."""

    @property
    def scope(self) -> str:
        """The predicate."""


def filled(rolled: RolledTable, rows: str) -> str:
    """The SELECT of a rollup over `rows`, with the settings that know_premises holds.

    Says of one amount and one anchor the same as the keep stage does with the settings at hand.
    """
    base = "(SELECT currency FROM know_premises)"
    rate = "(SELECT rates FROM know_premises)[currency]"
    amount = (
        f"CASE WHEN COALESCE(currency, {base}) = {base} THEN amount ELSE CAST(amount * {rate} AS DECIMAL(38,4)) END"
    )
    is_unconverted = f"(amount IS NOT NULL AND currency IS NOT NULL AND currency <> {base} AND {rate} IS NULL)"
    priority = "-COALESCE((SELECT priorities FROM know_premises)[split_part(anchor, ':', 1)], 1)"
    return (
        rolled.select.replace("{rows}", rows)
        .replace("{amount}", amount)
        .replace("{is_unconverted}", is_unconverted)
        .replace("{priority}", priority)
    )
