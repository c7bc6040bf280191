"""The environment of libraries: what they read at import, and what they may say."""

import logging
import os

from warehouse.home import Home

QUIET = {
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


def keep_quiet() -> None:
    """Let no library report to anyone; the user's own setting stands. Beam's warnings that help nobody are dropped."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    logging.getLogger().addFilter(_is_of_use)
    # Beam logs the trace of every exception that it hands on; the caller tells it once.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)


def keep_prefect_at_home(home: Home) -> None:
    """Let Prefect keep its database and logs under the home, so that erasing reaches them.

    Its own server may take its time: the default of 20 seconds is short on a machine that is busy.
    """
    home.prefect.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PREFECT_HOME", str(home.prefect.resolve()))
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")


def _is_of_use(record: logging.LogRecord) -> bool:
    """Not of use: that Beam can't talk to Google's storage, which nothing here does."""
    return not record.getMessage().startswith("apitools not found")
