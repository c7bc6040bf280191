"""The main job without an orchestrator."""

from flows.steps import PLAIN, main_job
from flows.work import RunReport, Tell, Work
from warehouse.home import Home
from warehouse.lake import open_writer


def run_plain(home: Home, as_of: str | None, tell: Tell, *, is_checked: bool = False) -> RunReport:
    """Run the main job on `home`. Raises RapportError; then nothing of the run is published."""
    with open_writer(home, tell=tell) as lake:
        return main_job(Work(lake, as_of, tell, is_checked=is_checked), PLAIN)
