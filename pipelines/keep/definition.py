"""What a rollup is, and what its queries take from the settings."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.identifiers import priority_sql
from schemas.table import literal, literals, quoted
from schemas.vocabulary import REFUND_EVENTS
from warehouse.settings import Settings

_REFUNDS = literals(REFUND_EVENTS)
# Money that goes back counts as negative, whichever sign the source gives it.
SIGNED = f"CASE WHEN event_name IN ({_REFUNDS}) THEN -abs(amount) ELSE amount END AS amount"


@dataclass(frozen=True)
class Rollup:
    """One rollup: `select` computes its rows (keys and measures) from the relation `{rows}` of interactions.

    `merge` gives, for each measure, the aggregate that joins rows of one key: rows computed from parts of the
    interactions, joined by it, equal the row computed from all of them. `scope` is a predicate over interactions `i`
    that holds for every interaction of the cells that the interactions `keep_retracted` belong to, or of the cells
    `keep_stale` where it names these, as those of daily rollups do; they occurred
    between the days of the two columns `span` of those cells. `near` are columns that are the same in every row
    computed for a cell, by which the table's rows are found without reading all of it. A rollup without `merge` has
    one interaction for each key, so new rows never meet old ones. `gate` is a predicate over narrow columns that holds
    for every interaction that gives rows: where none is, wide columns are not read. `{amount}`, `{is_unconverted}` and
    `{priority}` in `select` and `merge` come from the settings.
    """

    doc: str
    keys: tuple[str, ...]
    select: str
    merge: Mapping[str, str]
    scope: str = ""
    span: tuple[str, str] = ("", "")
    near: tuple[str, ...] = ()
    gate: str = "TRUE"

    @property
    def reads_machines(self) -> bool:
        """Whether the rows depend on what a machine did, also by a rule over several events."""
        return "is_machine" in self.select

    @property
    def appends(self) -> bool:
        """Whether each key has one interaction."""
        return not self.merge

    def rows_sql(self, relation: str, settings: Settings) -> str:
        """The query for the rows that the interactions of `relation` give."""
        return _filled(self.select, settings).replace("{rows}", relation)

    def merge_sql(self, settings: Settings) -> str:
        """The measures of rows of one key, joined."""
        return ", ".join(
            f"{_filled(aggregate, settings)} AS {quoted(measure)}" for measure, aggregate in self.merge.items()
        )


def amount_sql(settings: Settings) -> str:
    """The amount of an interaction in the base currency; NULL without an amount or a rate."""
    rates = "".join(
        f" WHEN {literal(code)} THEN CAST(amount * {rate:f}::DECIMAL(20,10) AS DECIMAL(38,4))"
        for code, rate in sorted(settings.rates.items())
        if code != settings.currency
    )
    return (
        f"CASE COALESCE(currency, {literal(settings.currency)}) "
        f"WHEN {literal(settings.currency)} THEN amount{rates} END"
    )


def unconverted_sql(settings: Settings) -> str:
    """TRUE for an amount in a currency without a rate."""
    known = literals(sorted({settings.currency, *settings.rates}))
    return f"(amount IS NOT NULL AND currency IS NOT NULL AND currency NOT IN ({known}))"


def _filled(template: str, settings: Settings) -> str:
    kind = "split_part(anchor, ':', 1)"
    return (
        template.replace("{amount}", amount_sql(settings))
        .replace("{is_unconverted}", unconverted_sql(settings))
        .replace("{priority}", f"-({priority_sql(kind, settings.identity.priorities)})")
    )
