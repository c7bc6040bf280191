"""Fitted models, priors and cut points, versioned."""

from schemas.table import INSTANT, JSON, LONG, TEXT, Column, Table

TABLE = Table(
    doc="fitted model, prior or set of cut points",
    columns=(
        Column("name", TEXT, "what it is, e.g. mbg_nbd", nullable=False),
        Column("version", LONG, "1 is the first fit; 0 is shipped and not stored", nullable=False),
        Column("as_of", INSTANT, "data up to here", nullable=False),
        Column("time_unit", TEXT, "unit of its times, e.g. day"),
        Column("window_days", LONG, "days of data that it used"),
        Column("parameters", JSON, "what scoring needs", nullable=False),
        Column("metrics", JSON, "how well it fits", nullable=False),
        Column("fitted_at", INSTANT, "when it was made", nullable=False),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("name", "version"),
)
