"""Refresh: what passing time asks of the main job, without looking at the inbox."""

from dataclasses import replace

from flows.steps import PLAIN, main_job, roll_up_again
from flows.work import RunReport, Tell, Work
from warehouse.home import Home
from warehouse.lake import open_writer

# Time brings no files; what was loaded, or set, since the last run counts all the same.
_STEPS = replace(PLAIN, collect=roll_up_again)


def refresh_home(home: Home, as_of: str | None, tell: Tell) -> RunReport:
    """Bring profiles and decisions of `home` up to `as_of`. Raises RapportError; then nothing is published."""
    with open_writer(home, tell=tell) as lake:
        return main_job(Work(lake, as_of, tell), _STEPS)
