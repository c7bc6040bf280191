"""The pages of docs/ that follow from declarations: `python -m tests.docs.pages` writes them."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from expectations.suites.interactions import SUITE
from pipelines.collect.compose import WIRE_REASONS, reason_sentences
from pipelines.collect.connector import Plan
from pipelines.collect.connectors import connectors
from pipelines.decide.fit import estimators as decide_estimators
from pipelines.know.estimators import estimators as know_estimators
from pipelines.know.trait import Trait
from pipelines.know.traits import traits
from schemas.table import Column, Table, sql_type
from schemas.tables import tables
from warehouse.artefacts import Estimator
from warehouse.views import VIEWS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_MAPPING = """
[constants]
channel = "pos"
event_name = "order_completed"
[columns]
occurred_at = "sold_at"
"""


def tables_page() -> str:
    """Every table with its columns, then the views."""
    parts = [
        "# Tables",
        "Generated from `schemas/tables/`; `python -m tests.docs.pages` writes it again. All times are UTC. "
        "Money is `DECIMAL(18,4)`, sums of it `DECIMAL(38,4)`. An anchor is a text `KIND:VALUE`. "
        "`commit_seq` counts commits from 1.",
        *(_table_section(table) for table in tables().values()),
        "## Views",
        *(_view_section(name, doc, query) for name, (doc, query) in VIEWS.items()),
    ]
    return _joined(parts)


def traits_page() -> str:
    """Every trait with its columns, then the artefacts that traits and decisions rest on."""
    parts = [
        "# Traits",
        "Generated from `pipelines/know/traits/`; `python -m tests.docs.pages` writes it again. A trait adds its "
        "columns to the table [`profiles`](tables.md#profiles). NULL means unknown, never a default.",
        *(_trait_section(name, trait) for name, trait in traits().items()),
        "## Artefacts",
        "What is estimated across customers. `rapport fit` makes them; before the first fit the shipped ones hold.",
        _artefacts({**know_estimators(), **decide_estimators()}),
    ]
    return _joined(parts)


def rejections_page() -> str:
    """Every reason code by the stage and the connector that give it."""
    wrong = {code: text for code, text in reason_sentences(Plan("", {}), ()).items() if code.startswith("wrong_type_")}
    parts = [
        "# Reasons of rejection",
        "Generated from the connectors and `expectations/suites/interactions.py`; `python -m tests.docs.pages` writes "
        "it again. A reason never quotes the payload. The first reason that applies is the one that is kept.",
        "## Every connector: the bytes and the framing (stage `collect`)",
        _reasons(WIRE_REASONS),
        *(part for name in connectors() for part in _connector_section(name)),
        "## Every connector: the type of a field (stage `collect`)",
        _reasons(wrong),
        "## Every connector: the rules (stage `validate`)",
        "In the order in which they are asked.",
        _reasons({rule.code: rule.reason for rule in SUITE.rules}),
    ]
    return _joined(parts)


PAGES: dict[str, Callable[[], str]] = {
    "tables.md": tables_page,
    "traits.md": traits_page,
    "rejections.md": rejections_page,
}


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


def _table_section(table: Table) -> str:
    facts = [f"One row per {table.doc}.", f"Key: {_names(table.key)}."]
    if table.sorted_by:
        facts.append(f"Sorted by {_names(table.sorted_by)}.")
    if table.grows:
        facts.append("The columns of the [traits](traits.md) follow.")
    return _joined([f"## {table.name}", " ".join(facts), _columns(table.columns)]).rstrip()


def _columns(columns: Iterable[Column]) -> str:
    rows = ((f"`{c.name}`", sql_type(c.type), "may be NULL" if c.nullable else "", _meaning(c)) for c in columns)
    return grid(("column", "type", "", "meaning"), rows)


def _meaning(column: Column) -> str:
    return f"{column.doc} ({', '.join(column.values)})" if column.values else column.doc


def _view_section(name: str, doc: str, query: str) -> str:
    return f"### {name}\n\n{doc.capitalize()}.\n\n```sql\n{query}\n```"


def _trait_section(name: str, trait: Trait) -> str:
    freshness = "as time passes, too" if trait.freshness == "time" else "with an event only"
    facts = (
        f"{trait.doc[0].upper()}{trait.doc[1:]}.\n\nUnit: {trait.unit}. Changes {freshness}. Source: {trait.source}."
    )
    rows = ((f"`{column.name}`", sql_type(column.type), _meaning(column)) for column in trait.columns)
    return f"## {name}\n\n{facts}\n\n{grid(('column', 'type', 'meaning'), rows)}"


def _artefacts(found: dict[str, Estimator]) -> str:
    rows = ((f"`{name}`", estimator.time_unit or "", estimator.doc) for name, estimator in sorted(found.items()))
    return grid(("artefact", "time unit", "meaning"), rows)


def _connector_section(name: str) -> list[str]:
    checks = connectors()[name].plan(_MAPPING, ("sold_at",)).checks
    if not checks:
        return []
    return [f"## Connector `{name}` (stage `collect`)", _reasons({check.code: check.reason for check in checks})]


def _reasons(found: dict[str, str]) -> str:
    return grid(("code", "reason"), ((f"`{code}`", reason) for code, reason in found.items()))


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    for page, written in PAGES.items():
        (DOCS / page).write_text(written(), encoding="utf-8")
