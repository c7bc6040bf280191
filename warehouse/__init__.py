"""Where knowledge is kept: the lake, its one writer, its readers."""

from warehouse.reader import open_lake

__all__ = ["open_lake"]
