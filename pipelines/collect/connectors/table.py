"""Files of rows and columns (CSV, Parquet) or of objects (JSON), read through a mapping: POS, CRM, loyalty."""

from pipelines.collect.connector import Connector
from pipelines.collect.mapping import parse_mapping
from pipelines.collect.mapping_plan import mapping_plan
from schemas.vocabulary import CHANNELS

CONNECTOR = Connector(
    doc="CSV, Parquet or JSON with a mapping (TOML): POS, CRM, loyalty, contacts, preferences, consents, transcripts",
    channels=CHANNELS,
    framing="table",
    plan=lambda mapping, columns: mapping_plan(parse_mapping(mapping), columns),
)
