"""What the response model looks at: one definition, used when it is fitted and when it scores.

Facts are float64 columns of counts and days; NaN is unknown. Features are rational functions of them between
0 and 1, so that every bit of a feature is the same on every machine.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEATURES = ("past_response", "affinity", "recency", "orders", "pressure")
CUSTOMER_FACTS = (
    "contact_count",
    "response_count",
    "contact_30d_count",
    "recency_days",
    "order_90d_count",
    "line_count",
)
OFFER_FACTS = ("category_line_count",)
_RECENCY_DAYS = 30.0
_HALF_ORDERS = 3.0
_HALF_CONTACTS = 3.0
_HALF_LINES = 5.0


def category_share(facts: Mapping[str, Floats]) -> Floats:
    """Share of the lines bought that lie in the offer's category, n / (all + 5); NaN without category."""
    return facts["category_line_count"] / (facts["line_count"] + _HALF_LINES)


def features(facts: Mapping[str, Floats], model: Mapping[str, Any]) -> dict[str, Floats]:
    """Compute the features by name, in the shape of the facts, which broadcast.

    past_response: answers per contact, shrunk by the model's Beta prior. affinity: `category_share`; an offer
    without category counts as average. recency: 1 on the day of an order, 1/2 after 30 days, 0 without
    orders. orders (in 90 days) and pressure (contacts in 30 days): n / (n + 3).
    """
    answered = facts["response_count"] + float(model["prior_responses"])
    share, days = category_share(facts), facts["recency_days"]
    return {
        "past_response": answered / (facts["contact_count"] + float(model["prior_contacts"])),
        "affinity": np.where(np.isnan(share), float(model["centres"]["affinity"]), share),
        "recency": np.where(np.isnan(days), 0.0, _RECENCY_DAYS / (_RECENCY_DAYS + days)),
        "orders": facts["order_90d_count"] / (facts["order_90d_count"] + _HALF_ORDERS),
        "pressure": facts["contact_30d_count"] / (facts["contact_30d_count"] + _HALF_CONTACTS),
    }


def contributions(found: Mapping[str, Floats], model: Mapping[str, Any]) -> list[Floats]:
    """Compute what each of `FEATURES`, in that order, adds to the log-odds of the average contact."""
    return [float(model["coefficients"][name]) * (found[name] - float(model["centres"][name])) for name in FEATURES]
