"""The main job as a Prefect flow: the same body, each step a task. Import it after `keep_prefect_at_home`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows import steps
from flows.steps import Steps, main_job
from flows.work import RunReport, Work
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import open_writer


def _as_task(step: steps.Step) -> steps.Step:
    # The steps share one open commit: a retry of one alone would write twice, so none retries.
    return task(name=step.__name__, cache_policy=NO_CACHE, persist_result=False)(step)


TASKS = Steps(*(_as_task(step) for step in vars(steps.PLAIN).values()))


@flow(name="run", persist_result=False)
def run(home: str, as_of: str | None = None, is_checked: bool = False) -> RunReport:
    """Collect, resolve, know, decide and publish everything that is landed in `home`."""
    tell = get_run_logger().info
    with open_writer(Home(Path(home)), tell=tell) as lake:
        return main_job(Work(lake, as_of, tell, is_checked=is_checked), TASKS)


def run_as_flow(home: Home, as_of: str | None, *, is_checked: bool = False) -> RunReport:
    """Run the flow on the configured Prefect API, else on an ephemeral server; without its heartbeat thread.

    Raises RapportError if a configured API does not answer.
    """
    _require_api()
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), _known_errors_told_once():
        return run(str(home.root), as_of, is_checked)


def _require_api() -> None:
    if not PREFECT_API_URL.value():
        return
    with get_client(sync_client=True) as client:
        problem = client.api_healthcheck()
    if problem is not None:
        raise RapportError(
            f"the Prefect API that PREFECT_API_URL names does not answer ({type(problem).__name__}); "
            "start it with `prefect server start`, or unset PREFECT_API_URL to run without one"
        )


@contextmanager
def _known_errors_told_once() -> Iterator[None]:
    """Prefect logs the trace of each failure; for an error that says its mend, the sentence is enough."""
    loggers = [logging.getLogger(name) for name in ("prefect.flow_runs", "prefect.task_runs")]
    for logger in loggers:
        logger.addFilter(_without_trace)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_without_trace)


def _without_trace(record: logging.LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], RapportError):
        record.exc_info = None
    return True
