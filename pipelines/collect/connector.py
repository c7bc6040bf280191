"""What a connector is: one system's wire format as SQL expressions over its records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.collect.json_records import JsonFormat
from pipelines.collect.webhook import Webhook


@dataclass(frozen=True)
class Field:
    """A column as the source gives it: `raw` is a VARCHAR expression over the records.

    `cast` turns `{raw}` into the column's type, NULL where it cannot; empty means TRY_CAST. A value that is there
    but does not cast is a rejection, never a NULL.
    """

    raw: str
    cast: str = ""


def money_sql(text: str) -> str:
    """A VARCHAR expression as DECIMAL(18,4), NULL where it is no number in range.

    DuckDB reads `1e-16` as 0.0001 where it goes to a decimal at once, so exponents go through a double.
    """
    return (
        f"CASE WHEN contains(lower({text}), 'e') THEN TRY_CAST(TRY_CAST({text} AS DOUBLE) AS DECIMAL(18,4)) "
        f"ELSE TRY_CAST({text} AS DECIMAL(18,4)) END"
    )


def line_amount_sql(price: str, quantity: str, discount: str = "") -> str:
    """The amount of a line as DECIMAL(18,4): price times quantity (VARCHAR; 1 if none is given) less a discount."""
    less = f" - {discount}" if discount else ""
    return f"TRY_CAST({money_sql(price)} * COALESCE(TRY_CAST({quantity} AS DOUBLE), 1){less} AS DECIMAL(18,4))"


EPOCH_SECONDS = "make_timestamptz(TRY_CAST(TRY_CAST({raw} AS DECIMAL(20,6)) * 1000000 AS BIGINT))"


@dataclass(frozen=True)
class Check:
    """A wire check: `failing` is a predicate over the records, `reason` what is wrong and the mend."""

    code: str
    failing: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """How the records of one split become interactions.

    `records` is a query over the relation `input` that gives file_no, row_number, element, problem (a reason code
    or NULL) and whatever the expressions use. `fields` holds an expression per column of `interactions`, and for
    times also `original_at` (device time, corrected for clock skew) and `sent_at`. Without `event_id` the id is a
    hash of the content and its occurrence in the file. `identifiers` are (kind, value) expressions,
    `identifier_lists` expressions of type {kind, value}[]. `items` and `is_machine` are typed expressions, `consents`
    one of JSON: what the record says on consent, as the column of `interactions` has it. `device` tells the devices
    apart whose records one payload holds: those of one device share the offset of its clock.
    `whole_records` is a cheaper query for an input in which each payload is one record. It is tried first; where a
    record is refused for one of `doubts` and a payload makes the predicate `may_divide` true, `records` is used.
    """

    records: str
    fields: Mapping[str, Field]
    whole_records: str = ""
    may_divide: str = "FALSE"
    doubts: Sequence[str] = ()
    identifiers: Sequence[tuple[str, str]] = ()
    identifier_lists: Sequence[str] = ()
    items: str = "NULL"
    is_machine: str = "FALSE"
    consents: str = "NULL"
    device: str = ""
    checks: Sequence[Check] = ()


@dataclass(frozen=True)
class Connector:
    """A connector: what it reads, the channels it knows, and its plan.

    `plan(mapping, columns)` gives the plan. Connectors of the `json` framing ignore both arguments; `records` says how
    a payload divides. Raises ValueError where they leave it out. Those of the `mixed` framing read lines, too (without
    columns), and rows: Parquet, and delimited text that begins with a row of names, one of which is in `header`.
    `webhook` says how the collector takes the provider's requests; without it there is no endpoint for them.
    """

    doc: str
    channels: tuple[str, ...]
    framing: Literal["json", "table", "mixed"]
    plan: Callable[[str, Sequence[str]], Plan]
    records: JsonFormat | None = None
    webhook: Webhook | None = None
    header: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.framing != "table") != (self.records is not None):
            raise ValueError("a connector that reads lines by itself, and no other, gives its JsonFormat as `records`")
