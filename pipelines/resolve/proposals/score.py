"""Scores of pairs: Splink's match weights, less what a household explains.

Weights of independent attributes add up; those of a household do not. Two people of one household have surname,
address, telephone and often the mailbox in common, so all of these together say at most that the pair shares a
household, and of two entries of one household at most every second pair is taken for one person. What tells people of
a household apart is the given name, the birth date, and a number of their own; and of those, twins share the birth
date, and father and son the name: where one of the two differs, the other counts for nothing, and where one is
unknown, the other counts little.
"""

import duckdb

from pipelines.resolve.proposals.comparisons import COMPARISONS, UNKNOWN, Comparison
from pipelines.resolve.proposals.linkage import IDENTIFIER, linker
from pipelines.resolve.proposals.model import Model
from schemas.table import literal

PRIOR = "two people at random"
HOUSEHOLD = "household"
SHARED_MOST = 0.0  # log2 of the odds that two entries of a household are one person: one to one
ALONE_MOST = 8.0  # of a given name without birth dates, or of a birth date without given names
_DIGITS = 4
_DIFFERENT = 0
_UNKNOWN = -1


def score(own: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Make `scored` on the bench: left and right identifier, probability, match_weight, waterfall of each of `pairs`.

    A match weight is log2 of the odds; weights are rounded to 4 digits, and those of a waterfall add up to the whole.
    """
    if own.execute("FROM pairs LIMIT 1").fetchone() is None:
        own.execute(_NONE_SCORED)
        return
    made, api = linker(own, "people", model)
    made.table_management.register_blocked_pairs_for_predict(api.register(own.table("pairs")))
    predicted = made.inference.predict(warning_mode="never")
    own.execute(f"""
        CREATE OR REPLACE TABLE scored AS
        WITH weighed AS (
            SELECT
                {IDENTIFIER}_l AS left_identifier,
                {IDENTIFIER}_r AS right_identifier,
                round({model.prior!r}, {_DIGITS}) AS prior,
                {", ".join(_weight(each) for each in COMPARISONS)},
                {", ".join(f"gamma_{each.name}" for each in COMPARISONS)}
            FROM {predicted.physical_name}
        ),
        grouped AS (
            SELECT *, {" + ".join(f"weight_{each.name}" for each in COMPARISONS if each.is_shared)} AS shared
            FROM weighed
        ),
        bounded AS (
            SELECT *, round({_SURPLUS} + {_explained("given", "birth")} + {_explained("birth", "given")}, {_DIGITS})
                AS weight_household
            FROM grouped
        ),
        summed AS (
            SELECT *, round(prior + weight_household + {_SUM}, {_DIGITS}) AS match_weight
            FROM bounded
        )
        SELECT left_identifier, right_identifier, 1 / (1 + pow(2, -match_weight)) AS probability, match_weight,
            {_WATERFALL} AS waterfall
        FROM summed
    """)


_NONE_SCORED = """
    CREATE OR REPLACE TABLE scored (
        left_identifier VARCHAR, right_identifier VARCHAR, probability DOUBLE, match_weight DOUBLE, waterfall JSON
    )
"""
_SUM = " + ".join(f"weight_{each.name}" for each in COMPARISONS)
# What goes beyond the most that a household's attributes may say, as a negative weight.
_SURPLUS = f"least({SHARED_MOST} - prior - shared, 0)"


def _weight(each: Comparison) -> str:
    term = f" + coalesce(mw_tf_adj_{each.name}, 0)" if each.term else ""
    return f"round(coalesce(mw_{each.name}, 0){term}, {_DIGITS}) AS weight_{each.name}"


def _explained(name: str, other: str) -> str:
    """The negative weight of what a household explains of `name`, as far as `other` leaves it open."""
    return (
        f"CASE WHEN shared <= 0 THEN 0 WHEN gamma_{other} = {_DIFFERENT} THEN least(-weight_{name}, 0) "
        f"WHEN gamma_{other} = {_UNKNOWN} THEN least({ALONE_MOST} - weight_{name}, 0) ELSE 0 END"
    )


def _step(comparison: str, level: str, weight: str) -> str:
    return f"{{'comparison': {literal(comparison)}, 'level': {level}, 'match_weight': {weight}}}"


def _level(each: Comparison) -> str:
    """The name of the level: Splink numbers them from the last, which is 0, and -1 is unknown."""
    best = len(each.levels) - 1
    cases = " ".join(f"WHEN {best - place} THEN {literal(found.name)}" for place, found in enumerate(each.levels))
    return f"CASE gamma_{each.name} {cases} ELSE {literal(UNKNOWN)} END"


_STEPS = ", ".join(
    (
        _step("prior", literal(PRIOR), "prior"),
        *(_step(each.name, _level(each), f"weight_{each.name}") for each in COMPARISONS),
        _step(HOUSEHOLD, literal("what a household explains"), "weight_household"),
    )
)
_WATERFALL = f"to_json([{_STEPS}])"
