"""The model: what scores a pair, kept as artefact `identity_model`; version 0 is the shipped one."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from typing import Any

import duckdb

from pipelines.resolve.proposals.comparisons import COMPARISONS, Shares
from warehouse.artefacts import Artefact, Estimate, Estimator, current_artefacts

NAME = "identity_model"
_SHIPPED_MATCH_SHARE = 1e-5


@dataclass(frozen=True)
class Terms:
    """How frequent values of a column are: shares by digest, and the mean share of one that is not listed.

    `rare` None means that frequencies are not known: every value then counts the same. Only values that several people
    share are listed, and those by a digest: a model holds no name of a person.
    """

    rare: float | None
    frequent: Mapping[str, float]


@dataclass(frozen=True)
class Model:
    """`match_share` is the probability that two people at random are one; `shares` m and u by comparison and level."""

    match_share: float
    shares: Mapping[str, Shares]
    terms: Mapping[str, Terms]

    @property
    def prior(self) -> float:
        """The match weight of two people of whom nothing is known: log2 of the odds."""
        return log2(self.match_share / (1 - self.match_share))

    @property
    def parameters(self) -> dict[str, Any]:
        """The model as plain JSON values."""
        return {
            "match_share": self.match_share,
            "shares": {name: {level: [*pair] for level, pair in found.items()} for name, found in self.shares.items()},
            "terms": {column: {"rare": t.rare, "frequent": dict(t.frequent)} for column, t in self.terms.items()},
        }


def model_of(parameters: Mapping[str, Any]) -> Model:
    """The model of an artefact's parameters; a level that they do not have (it is newer) has its shipped shares."""
    shares = {
        each.name: {**each.shipped, **{n: (m, u) for n, (m, u) in parameters["shares"].get(each.name, {}).items()}}
        for each in COMPARISONS
    }
    terms = {column: Terms(found["rare"], found["frequent"]) for column, found in parameters["terms"].items()}
    return Model(parameters["match_share"], shares, terms)


SHIPPED = Model(
    _SHIPPED_MATCH_SHARE,
    {each.name: each.shipped for each in COMPARISONS},
    {each.term: Terms(None, {}) for each in COMPARISONS if each.term},
)


def _not_by_fit(con: duckdb.DuckDBPyConnection, as_of: Any) -> Estimate | None:
    """Fitted by a step of its own, as it needs the people gathered."""
    return None


ESTIMATOR = Estimator(
    doc="shares of the levels of agreement among pairs of one person (m) and of two (u), frequencies of names "
    "(Fellegi and Sunter 1969; fitted by Splink)",
    shipped=SHIPPED.parameters,
    fit=_not_by_fit,
)


def current_model(con: duckdb.DuckDBPyConnection) -> tuple[str, Model]:
    """The version of the newest model, and the model."""
    found: Artefact = current_artefacts(con, {NAME: ESTIMATOR})[NAME]
    return str(found.version), model_of(found.parameters)
