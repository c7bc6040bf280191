"""How all customers answer by the UTC hour at which a contact was sent."""

from datetime import datetime
from typing import Any

import duckdb
import numpy as np

from pipelines.know.models.likelihood import Array, rounded
from warehouse.artefacts import Estimate, Estimator

# Contacts that an hour must show before it outweighs its channel's own rate.
_HOUR_STRENGTH = 100.0
# Contacts that a customer's own hour must show before it outweighs the population.
_CUSTOMER_STRENGTH = 10.0
_MINIMUM_CONTACTS = 1000

_HOURS = """
SELECT channel, contacted_hour AS hour,
  COUNT(responded_at) AS responses,
  COUNT(*) AS contacts
FROM know_contacts
WHERE is_measured
GROUP BY channel, hour
ORDER BY channel, hour
"""


def _fit(con: duckdb.DuckDBPyConnection, as_of: datetime) -> Estimate | None:
    found = con.execute(_HOURS).fetchnumpy()
    responses, contacts = (np.asarray(found[name], dtype=np.float64) for name in ("responses", "contacts"))
    hours, names = np.asarray(found["hour"], dtype=np.int64), np.asarray(found["channel"], dtype=str)
    if contacts.sum() < _MINIMUM_CONTACTS:
        return None
    channels: dict[str, Any] = {}
    for name in np.unique(names):
        mask = names == name
        if contacts[mask].sum() >= _MINIMUM_CONTACTS:
            channels[str(name)] = _rates(hours[mask], responses[mask], contacts[mask])
    parameters = {
        "strength": _CUSTOMER_STRENGTH,
        "channels": channels,
        "fallback": rounded(responses.sum() / contacts.sum()),
    }
    return Estimate(parameters, {"contacts": int(contacts.sum())})


def _rates(hours: np.ndarray[Any, np.dtype[np.int64]], responses: Array, contacts: Array) -> list[float]:
    """24 rates per contact, each shrunk towards the channel's own rate."""
    answered, sent = np.zeros(24), np.zeros(24)
    answered[hours], sent[hours] = responses, contacts
    overall = answered.sum() / sent.sum()
    rates = (answered + _HOUR_STRENGTH * overall) / (sent + _HOUR_STRENGTH)
    return [rounded(float(rate)) for rate in rates]


ESTIMATOR = Estimator(
    doc="response rate by UTC hour of sending, per channel, and the contacts that it is worth against "
    "a customer's own hours; shipped: flat, so that only the customer's own answers tell hours apart",
    shipped={"strength": _CUSTOMER_STRENGTH, "channels": {}, "fallback": 0.05},
    fit=_fit,
    time_unit="hour",
)
