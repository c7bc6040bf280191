"""Which records of landed files are read: nearly always all, but single ones where some are read again."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Places:
    """Of which landed files (by file_id) only some records are read, or not all; Parquet files of their places."""

    only: Mapping[str, str] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)


EVERYWHERE = Places()
