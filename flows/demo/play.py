"""The demo's steps: prepare files, run the main job as a Prefect flow, fit on the data, decide with what was learnt."""

from typing import Any

from flows.demo.prepare import demo_settings, prepare
from flows.demo.summary import summarise
from flows.fitting import fit_home
from flows.run import run_plain
from flows.starter import SETTINGS
from flows.work import Tell
from warehouse.errors import UsageError
from warehouse.home import Home
from warehouse.reader import open_lake
from warehouse.settings import load_settings


def play(home: Home, tell: Tell) -> dict[str, Any]:
    """Play the demo in `home`; what an earlier call has done stays done. Gives the summary.

    Raises UsageError for a home that holds something else.
    """
    if _holds(home, "landing_files", "source = 'pos'"):
        run_plain(home, None, tell)
    else:
        _prepare_once(home, tell)
        tell("starting the Prefect flow (an ephemeral server takes a while)")
        _run_as_flow(home, is_checked=True)
    if not _holds(home, "artefacts", "TRUE"):
        fit_home(home, load_settings(home.settings_file).as_of, tell)
        tell("deciding with the fitted models")
        _run_as_flow(home)
    with open_lake(home.root) as lake:
        return summarise(lake)


def _run_as_flow(home: Home, *, is_checked: bool = False) -> None:
    from flows.orchestrated import run_as_flow

    run_as_flow(home, None, is_checked=is_checked)


def _prepare_once(home: Home, tell: Tell) -> None:
    """Prepare the files, unless a call that was broken off later has done so: the settings are written last."""
    settings = home.settings_file.read_text(encoding="utf-8") if home.settings_file.exists() else SETTINGS
    if settings == demo_settings():
        return
    if settings != SETTINGS or _holds(home, "landing_files", "TRUE"):
        raise UsageError(
            f"'{home.root}' holds something else already; give the demo a home of its own: "
            "rapport --home demo-home demo"
        )
    prepare(home, tell)


def _holds(home: Home, table: str, condition: str) -> bool:
    if not (home.published / "current").exists():
        return False
    with open_lake(home.root) as lake:
        return bool(lake.execute(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1").fetchall())
