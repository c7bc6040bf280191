"""The policy in force: everything that a decision depends on besides the customer, the seed and the time."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import duckdb

from pipelines.decide.catalogue import Catalogue
from pipelines.decide.fit import estimators
from pipelines.decide.rule import gates
from pipelines.decide.score import SCORE_VERSION, Weights
from schemas.keys import key
from warehouse.artefacts import current_artefacts
from warehouse.run import Run
from warehouse.settings import DecideSettings


@dataclass(frozen=True)
class Policy:
    """What decides; `version` is a key over catalogue, settings but the seed, rules, artefacts and score."""

    version: str
    weights: Weights
    model: Mapping[str, Any]
    artefact_versions: Mapping[str, int]
    contacts_per_week: int
    opt_in: tuple[str, ...]
    seed: int
    currency: str


def policy_in_force(con: duckdb.DuckDBPyConnection, run: Run, catalogue: Catalogue) -> Policy:
    """Put together the policy of this run's settings, the catalogue and the newest artefacts."""
    artefacts, settings = current_artefacts(con, estimators()), run.settings.decide
    parts = {
        "catalogue": catalogue.sha256,
        "currency": run.settings.currency,
        "settings": {name: value for name, value in asdict(settings).items() if name != "seed"},
        "rules": {name: asdict(rule) for name, rule in gates().items()},
        "artefacts": {name: [found.version, dict(found.parameters)] for name, found in artefacts.items()},
        "score": SCORE_VERSION,
    }
    return Policy(
        version=key("policy", json.dumps(parts, sort_keys=True)),
        weights=_weights(settings),
        model=artefacts["response_model"].parameters,
        artefact_versions={name: found.version for name, found in artefacts.items()},
        contacts_per_week=settings.contacts_per_week,
        opt_in=settings.opt_in,
        seed=settings.seed,
        currency=run.settings.currency,
    )


def _weights(settings: DecideSettings) -> Weights:
    return Weights(
        customer_weight=settings.customer_weight,
        loyalty_lever=settings.loyalty_lever,
        exploration_gamma=settings.exploration_gamma,
        holdout_share=settings.holdout_share,
    )
