"""Benefits on offer, from the catalogue files."""

from schemas.table import INSTANT, JSON, LONG, MONEY, TEXT, Column, Table

TABLE = Table(
    doc="benefit on offer",
    columns=(
        Column("offer_id", TEXT, "id, as in the catalogue", nullable=False),
        Column("name", TEXT, "what people call it", nullable=False),
        Column(
            "kind",
            TEXT,
            "kind of benefit",
            nullable=False,
            values=("offer", "service", "information", "thanks", "question", "repair"),
        ),
        Column("benefit", TEXT, "what the customer gains, in words", nullable=False),
        Column("purpose", TEXT, "purpose for consent, e.g. marketing or transactional", nullable=False),
        Column("value_customer", MONEY, "worth to a customer who takes it", nullable=False),
        Column(
            "value_company",
            MONEY,
            "worth to the company when it is taken, before cost",
            nullable=False,
        ),
        Column("cost", MONEY, "cost to the company when it is taken", nullable=False),
        Column(
            "contact_cost_customer",
            MONEY,
            "effort that the contact costs the customer",
            nullable=False,
        ),
        Column("contact_cost_company", MONEY, "what the contact costs the company", nullable=False),
        Column("category", TEXT, "category it is about; NULL is all"),
        Column("campaign_id", TEXT, "campaign it belongs to"),
        Column("channels", JSON, "channels with content, in order of preference", nullable=False),
        Column("valid_from", INSTANT, "from when it holds"),
        Column("valid_to", INSTANT, "until when it holds"),
        Column("rules", JSON, "conditions from the catalogue", nullable=False),
        Column("catalogue_sha256", TEXT, "digest of the catalogue that it stands in", nullable=False),
        Column("commit_seq", LONG, "commit that last changed it", nullable=False),
    ),
    key=("offer_id",),
)
