"""What profiles rest on besides events, so that the past can be computed as it was."""

from schemas.table import INSTANT, INTEGER, JSON, LONG, REAL, TEXT, TEXTS, Column, Table

TABLE = Table(
    doc="change of what profiles rest on besides events: the asked time and the settings",
    columns=(
        Column("commit_seq", LONG, "first commit that rests on it", nullable=False),
        Column("known_from", INSTANT, "when that run began", nullable=False),
        Column("as_of", INSTANT, "profiled up to here", nullable=False),
        Column("currency", TEXT, "base currency", nullable=False),
        Column("rates", JSON, "object of currency: worth of one unit in the base currency, as text", nullable=False),
        Column("priorities", JSON, "object of kind of identifier: priority", nullable=False),
        Column("blocked_values", TEXTS, "identifiers that name nobody", nullable=False),
        Column("channel_half_life_days", REAL, "half-life of answers and contacts", nullable=False),
        Column("interest_half_life_days", REAL, "half-life of interests", nullable=False),
        Column("machine_delivery_seconds", REAL, "rule every_link of machine_engagements; NULL: there was none"),
        Column("machine_agent_seconds", REAL, "rule one_agent of machine_engagements; NULL: there was none"),
        Column("machine_least_links", INTEGER, "least number of links of both rules"),
    ),
    key=("commit_seq",),
)
