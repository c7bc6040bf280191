"""Devices on which customers browse and read mail: what they say of themselves."""

import json
from itertools import product

import numpy as np
import pyarrow as pa

from pipelines.simulate.columns import Array

USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Safari/604.1",
)
LOCALES = ("de-DE", "en-GB", "fr-FR", "it-IT")
NETWORKS = ("192.0.2", "198.51.100", "203.0.113")


def addresses() -> pa.Array:
    """IP addresses that are set aside for documentation (RFC 5737)."""
    return pa.array([f"{network}.{host}" for host in range(1, 255) for network in NETWORKS])


def user_agents() -> pa.Array:
    """Browsers."""
    return pa.array(USER_AGENTS)


def variants(customer: Array, pool: pa.Array) -> Array:
    """Which of the pool each customer has: always the same."""
    return np.asarray(customer * 7919 % len(pool))


def device_contexts() -> pa.Array:
    """The members of the `context` object of Segment calls that a device sets, as JSON without braces."""
    return pa.array(
        [
            json.dumps({"userAgent": browser, "locale": locale}, separators=(",", ":"))[1:-1]
            for browser, locale in product(USER_AGENTS, LOCALES)
        ]
    )
