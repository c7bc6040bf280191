"""`rapport connectors | traits | rules | tables`."""

import typer

from flows.console import emit, table
from flows.options import AsJson

Row = dict[str, object]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""

    @app.command("connectors")
    def connectors(json: AsJson = False) -> None:
        """What can be read."""
        _show("connectors", _connectors(), json)

    @app.command("traits")
    def traits(json: AsJson = False) -> None:
        """What is known of a customer."""
        _show("traits", _traits(), json, "the columns of table profiles; `rapport profile IDENTIFIER` shows one's own")

    @app.command("rules")
    def rules(json: AsJson = False) -> None:
        """The gates that an offer must pass, in their order."""
        _show("rules", _rules(), json)

    @app.command("tables")
    def tables(json: AsJson = False) -> None:
        """The tables and views that can be asked."""
        _show("tables", _tables(), json, '`rapport sql "DESCRIBE profiles"` shows the columns of one; --json has all')


def _connectors() -> list[Row]:
    from pipelines.collect.connectors import connectors

    return [{"name": n, "channels": ", ".join(c.channels), "meaning": c.doc} for n, c in connectors().items()]


def _traits() -> list[Row]:
    from pipelines.know.traits import traits

    return [
        {"name": n, "columns": ", ".join(c.name for c in t.columns), "unit": t.unit, "meaning": t.doc}
        for n, t in traits().items()
    ]


def _rules() -> list[Row]:
    from pipelines.decide.rule import gates

    return [{"name": name, "meaning": rule.doc} for name, rule in gates().items()]


def _tables() -> list[Row]:
    from pipelines.know.traits import trait_columns
    from schemas.tables import tables
    from warehouse.views import VIEWS

    rows: list[Row] = []
    for found in tables().values():
        columns = [*found.columns, *(trait_columns() if found.grows else ())]
        docs = {column.name: column.doc for column in columns}
        rows.append({"name": found.name, "key": ", ".join(found.key), "one row per": found.doc, "columns": docs})
    views: list[Row] = [
        {"name": name, "key": "(view)", "one row per": doc, "columns": {}} for name, (doc, _) in VIEWS.items()
    ]
    return rows + views


def _show(name: str, rows: list[Row], json: bool, note: str = "") -> None:
    if json:
        emit({name: rows})
        return
    columns = [column for column in rows[0] if not isinstance(rows[0][column], dict)]
    table("", columns, [[row[column] for column in columns] for row in rows], note)
