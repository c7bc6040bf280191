"""Which lake the files of a data path belong to: two catalogs over one folder would delete each other's files."""

import uuid

from warehouse.durable import sync
from warehouse.errors import RapportError
from warehouse.home import Home

MARKER = "lake.id"


def new_id() -> str:
    """An id for a lake that is made."""
    return uuid.uuid4().hex


def claim(home: Home, lake_id: str, *, is_new: bool) -> None:
    """Make sure that the home's data path is that of the lake `lake_id`; one that is new marks it.

    Raises RapportError if it is another's, or a folder with files of who knows what.
    """
    data = home.data
    marker = data / MARKER
    if is_new:
        if any(path != marker for path in data.iterdir()):
            raise RapportError(f"'{data}' is not empty; a new lake needs a `data_path` of its own")
        marker.write_text(lake_id, encoding="utf-8")
        sync(marker)
        sync(data)
    elif not marker.exists():
        raise RapportError(
            f"'{data}' is not marked as this lake's data; set `data_path` to where they are, "
            f"or if these are they, write {lake_id} to '{marker}'"
        )
    elif marker.read_text(encoding="utf-8").strip() != lake_id:
        raise RapportError(f"the files in '{data}' belong to another lake; set another `data_path`, or its `catalog`")
