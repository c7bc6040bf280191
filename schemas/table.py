"""A table of the warehouse as data: DDL, storage path, catalogue page and erasure target derive from it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa

TEXT = pa.string()
LONG = pa.int64()
INTEGER = pa.int32()
REAL = pa.float64()
FLAG = pa.bool_()
DATE = pa.date32()
INSTANT = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(18, 4)
SUM = pa.decimal128(38, 4)
TEXTS = pa.list_(TEXT)
JSON = pa.json_()
IDENTIFIERS = pa.list_(pa.struct([("kind", TEXT), ("value", TEXT)]))
ITEMS = pa.list_(pa.struct([("product_id", TEXT), ("category", TEXT), ("quantity", MONEY), ("amount", MONEY)]))

_SQL_TYPES = {
    TEXT: "VARCHAR",
    LONG: "BIGINT",
    INTEGER: "INTEGER",
    REAL: "DOUBLE",
    FLAG: "BOOLEAN",
    DATE: "DATE",
    INSTANT: "TIMESTAMP WITH TIME ZONE",
    JSON: "JSON",
}


def quoted(name: str) -> str:
    """`name` as an SQL identifier; the one place where identifiers are quoted."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as an SQL string literal, for places where DuckDB takes no bound parameter."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """`texts` as SQL string literals with commas between them."""
    return ", ".join(map(literal, texts))


def sql_type(kind: pa.DataType) -> str:
    """The DuckDB type of an Arrow type; raises TypeError for one that no table uses."""
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_list(kind):
        return sql_type(kind.value_type) + "[]"
    if pa.types.is_struct(kind):
        return "STRUCT(" + ", ".join(f"{quoted(f.name)} {sql_type(f.type)}" for f in kind) + ")"
    if kind not in _SQL_TYPES:
        raise TypeError(f"Arrow type {kind} has no place in a table; use one of schemas.table")
    return _SQL_TYPES[kind]


@dataclass(frozen=True)
class Column:
    """A column: its meaning with unit, whether it may be unknown, and its values where they are a closed set."""

    name: str
    type: pa.DataType
    doc: str
    nullable: bool = True
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Erasure:
    """How a person's rows are found: `column` holds a value of `kind`.

    Kinds are anchor, identifier, customer_id, and landing (id of a file whose records name the person).
    """

    column: str
    kind: str


@dataclass(frozen=True)
class Table:
    """A table: one row per what, its columns, its key, the order of its rows on disk, its erasure target.

    `grows` is true where discovered traits add columns. The name is the file's name, set by discovery.
    """

    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    sorted_by: tuple[str, ...] = ()
    erasure: tuple[Erasure, ...] = ()
    grows: bool = False
    name: str = field(default="", compare=False)

    @property
    def schema(self) -> pa.Schema:
        """The table's columns as an Arrow schema."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def storage_path(self) -> str:
        """Where the table's Parquet files lie, relative to the lake's data path."""
        return f"main/{self.name}/"

    def ddl(self, schema: str) -> list[str]:
        """The statements that create the table in `schema`, sorted as declared."""
        target = f"{schema}.{quoted(self.name)}"
        body = ", ".join(_column_ddl(column) for column in self.columns)
        statements = [f"CREATE TABLE IF NOT EXISTS {target} ({body})"]
        if self.sorted_by:
            order = ", ".join(quoted(name) for name in self.sorted_by)
            statements.append(f"ALTER TABLE {target} SET SORTED BY ({order})")
        return statements


def _column_ddl(column: Column) -> str:
    required = "" if column.nullable else " NOT NULL"
    return f"{quoted(column.name)} {sql_type(column.type)}{required}"
