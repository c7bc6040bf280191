"""What a killed erasure has left to do comes before anything else that a writer does."""

from collections.abc import Callable

from warehouse.erase_intent import has_intents
from warehouse.lake import Lake


def finish_interrupted(lake: Lake, tell: Callable[[str], None]) -> None:
    """Finish erasures that were killed; one look into a folder if there are none, as nearly always."""
    if has_intents(lake.home):
        from flows.erasure import finish_erasures

        finish_erasures(lake, tell)
