"""A decision in sentences for people, from its stored row alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.decide.catalogue import NOTHING


@dataclass(frozen=True)
class Explanation:
    """What was chosen, why, its rivals (best first), and the gates that closed (in the order of offers)."""

    chosen: str
    why: tuple[str, ...]
    rivals: tuple[str, ...]
    gates: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it in reading order."""
        return (self.chosen, *self.why, *self.rivals, *self.gates)


def explain(decision: Mapping[str, Any]) -> Explanation:
    """Explain a row of `decisions` (column -> value, JSON as text); holds no payload of the customer."""
    terms, gates = json.loads(decision["terms"]), json.loads(decision["gates"])
    candidates = {found["offer_id"]: found for found in json.loads(decision["candidates"])}
    taken = candidates.pop(decision["offer_id"])
    ranked = sorted(candidates.values(), key=lambda rival: (-rival["score"], rival["offer_id"]))
    return Explanation(
        chosen=_chosen(taken),
        why=(_sentence(decision["reason"]), *_terms(taken, terms), _chance(decision, len(ranked))),
        rivals=tuple(_rival(rival, taken) for rival in ranked),
        gates=tuple(f"{gate['name']}: dropped by {_words(gate['gate'])}: {gate['reason']}." for gate in gates),
    )


def _chosen(taken: Mapping[str, Any]) -> str:
    if taken["offer_id"] == NOTHING:
        return "Nothing: the customer is left in peace."
    return f"{taken['name']} ({taken['kind']}), by {taken['channel']}."


def _terms(taken: Mapping[str, Any], terms: Mapping[str, Any]) -> tuple[str, ...]:
    if taken["offer_id"] == NOTHING:
        return ()
    said = [
        f"An answer is expected with {taken['p1']:.1%}; {taken['p0']:.1%} would have come to it anyway.",
        f"Expected worth: {taken['value_customer']:+.2f} to the customer, {taken['value_company']:+.2f} to "
        f"the company, effort and cost of the contact included; score {taken['score']:.4f}.",
        _channel(taken["channel"], terms["facts"]["preferred_channel"]),
    ]
    if terms["lever"] > 1.0:
        said.append(f"Loyalty raises the priority by {terms['lever'] - 1.0:.0%}.")
    return tuple(said)


def _channel(channel: str, preferred: str | None) -> str:
    if channel == preferred:
        return f"{channel} is the preferred channel."
    if preferred in (None, "ask"):
        return f"The preferred channel is not known; {channel} is the first with content and consent."
    return f"The preferred channel {preferred} has no content or no consent; {channel} is the next."


def _chance(decision: Mapping[str, Any], rival_count: int) -> str:
    if rival_count == 0:
        return "There was no other candidate left."
    return f"It was drawn with probability {decision['propensity']:.1%} among {rival_count + 1} candidates."


def _rival(rival: Mapping[str, Any], taken: Mapping[str, Any]) -> str:
    name = "Nothing" if rival["offer_id"] == NOTHING else rival["name"]
    gap = taken["score"] - rival["score"]
    if gap < 0.0:
        return f"{name}: scores {-gap:.4f} more; it lost the draw, which leaves room to learn."
    return f"{name}: scores {gap:.4f} less{_difference(rival, taken)}."


def _difference(rival: Mapping[str, Any], taken: Mapping[str, Any]) -> str:
    """Say where the rival falls short most: in the answer, or in the worth to either side."""
    if NOTHING in (rival["offer_id"], taken["offer_id"]):
        return ""
    shortfalls = {
        "customer": taken["value_customer"] - rival["value_customer"],
        "company": taken["value_company"] - rival["value_company"],
    }
    side = max(sorted(shortfalls), key=lambda name: shortfalls[name])
    answer = f", an answer is less likely ({rival['p1']:.1%})" if rival["p1"] < taken["p1"] else ""
    worth = f", it is worth {shortfalls[side]:.2f} less to the {side}" if shortfalls[side] >= 0.005 else ""
    return answer + worth


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _words(name: str) -> str:
    return name.replace("_", " ")
