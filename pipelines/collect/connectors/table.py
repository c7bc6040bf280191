"""Files of rows and columns (CSV, Parquet), read through a mapping: the way POS and CRM data arrive."""

from pipelines.collect.connector import Connector
from pipelines.collect.mapping import mapping_plan, parse_mapping

CONNECTOR = Connector(
    doc="CSV or Parquet with a mapping (TOML): POS, CRM, loyalty, contact logs",
    channels=("pos", "call", "sms", "post"),
    framing="table",
    plan=lambda mapping, columns: mapping_plan(parse_mapping(mapping), columns),
)
