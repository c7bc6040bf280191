"""Computes a decision again from its stored row, by the functions that made it, without the warehouse."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import numpy as np

from pipelines.decide.catalogue import NOTHING
from pipelines.decide.consents import open_channels
from pipelines.decide.features import CUSTOMER_FACTS, OFFER_FACTS, Floats
from pipelines.decide.score import LOYALTY_FACTS, OFFER_TERMS, SCORE_VERSION, Weights, choose, score_offers
from schemas.keys import key
from warehouse.errors import RapportError


@dataclass(frozen=True)
class Recomputed:
    """What the stored terms give: the columns of a decision, and score and propensity of each candidate."""

    decision_id: str
    offer_id: str
    channel: str | None
    score: float
    propensity: float
    value_customer: float
    value_company: float
    p1: float
    p0: float
    scores: Mapping[str, float]
    propensities: Mapping[str, float]


def recompute(decision: Mapping[str, Any]) -> Recomputed:
    """Compute a row of `decisions` (column -> value, JSON as text) again: the same bits, or it was changed.

    The channel follows from the consents that the row notes: None where these leave none.
    The draw comes anew from customer, policy version, seed and as_of. Raises RapportError if another version
    of the score took the decision.
    """
    terms, rivals = json.loads(decision["terms"]), json.loads(decision["candidates"])[1:]
    policy = terms["policy"]
    if policy["score_version"] != SCORE_VERSION:
        raise RapportError(
            f"decision {decision['decision_id']} was scored by version {policy['score_version']}, this is "
            f"version {SCORE_VERSION}; recompute it with the release that took it"
        )
    weights = Weights(**policy["weights"])
    scores = score_offers(_facts(terms["facts"], rivals), policy["response_model"], weights)
    uniform = np.array([_uniform("draw", *_key_fields(decision))])
    passed, held_out = np.ones_like(scores.score, dtype=np.bool_), np.array([terms["is_held_out"]])
    choice = choose(scores.score, passed, uniform, held_out, weights)
    column = int(choice.chosen[0])

    def chosen(values: Floats) -> float:
        return float(values[0, column - 1]) if column else 0.0

    names = [NOTHING, *(rival["offer_id"] for rival in rivals)]
    return Recomputed(
        decision_id=key(*_key_fields(decision), *_revision(decision)),
        offer_id=names[column],
        channel=_channel(rivals[column - 1], terms) if column else None,
        score=chosen(scores.score),
        propensity=float(choice.propensity[0, column]),
        value_customer=chosen(scores.value_customer),
        value_company=chosen(scores.value_company),
        p1=chosen(scores.p1),
        p0=chosen(scores.p0),
        scores=dict(zip(names, [0.0, *scores.score[0].tolist()], strict=True)),
        propensities=dict(zip(names, choice.propensity[0].tolist(), strict=True)),
    )


def _channel(rival: Mapping[str, Any], terms: Mapping[str, Any]) -> str | None:
    """The channel that consents leave; that of the row where a decision was taken before they were noted in it."""
    if "consents" not in terms:
        return str(rival["channel"])
    left = open_channels(rival["channels"], rival["purpose"], terms["consents"], terms["policy"]["opt_in"])
    preferred = terms["facts"]["preferred_channel"]
    return preferred if preferred in left else next(iter(left), None)


def _facts(customer: Mapping[str, Any], rivals: list[dict[str, Any]]) -> dict[str, Floats]:
    facts = {name: _array([customer[name]]).reshape(1, 1) for name in (*CUSTOMER_FACTS, *LOYALTY_FACTS)}
    offers = [{**rival, "is_sale": rival["kind"] == "offer"} for rival in rivals]
    for name in (*OFFER_TERMS, *OFFER_FACTS):
        facts[name] = _array([offer[name] for offer in offers]).reshape(1, len(offers))
    return facts


def _array(values: list[float | None]) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)


def _key_fields(decision: Mapping[str, Any]) -> tuple[str, str, str, str]:
    as_of = decision["decided_as_of"].astimezone(UTC).isoformat()
    return str(decision["customer_id"]), str(decision["policy_version"]), str(decision["seed"]), as_of


def _revision(decision: Mapping[str, Any]) -> list[str]:
    """What the key of a decision that was taken again has beside the others'; the draw is the same."""
    revision = decision.get("revision") or 0
    return [str(revision)] if revision else []


def _uniform(*fields: str) -> float:
    return int(key(*fields)[:13], 16) / 2.0**52
