"""Training: the shares of the levels of agreement, without labels.

u is counted over all pairs of a sample of people, drawn by a seeded digest of their identifiers; m is found by
expectation maximisation among people who agree on what tells a person: the birth date, both names, or a number. Never
among those who agree on an address: what these pairs have in common would be the household. Where the data are few,
the shipped shares weigh in. What that tells of the sampled pairs that are of one person after all is taken out of u.
"""

from dataclasses import dataclass
from typing import Any

import duckdb

from pipelines.resolve.proposals.comparisons import COMPARISONS, DIFFERENT, Comparison, Shares
from pipelines.resolve.proposals.linkage import levels, linker, term_sql
from pipelines.resolve.proposals.model import SHIPPED, Model, Terms
from warehouse.artefacts import Estimate
from warehouse.queries import number

SEED = "1"
SAMPLE = 1_000
LEAST_MATCHES = 20  # a model that rests on fewer expected pairs of one person is not kept
LEAST_HOLDERS = 5
MOST_TERMS = 1_000
_MOST_PAIRS = 1_000_000
_CROWD = 200
_SHIPPED_PAIRS = 20  # what the shipped m weigh, in pairs of one person
_DIGITS = 9


@dataclass(frozen=True)
class _Blocking:
    """What people agree on in one session of expectation maximisation, and the comparisons that this uses up."""

    columns: tuple[str, ...]
    used: tuple[str, ...]


_BLOCKINGS = (
    _Blocking(("birth",), ("birth",)),
    _Blocking(("given", "surname"), ("given", "surname")),
    _Blocking(("number",), ("number",)),
)


@dataclass(frozen=True)
class _Session:
    """What one session found: m by comparison, expected pairs of one person in its blocks, and the pairs possible."""

    blocking: _Blocking
    m: dict[str, dict[str, float]]
    matches: float
    possible: int


def train(own: duckdb.DuckDBPyConnection) -> Estimate | None:
    """The model of the people on the bench; None where too few of them seem to be there twice.

    The same people give the same model, whatever their order and the number of threads: sums of floating values are
    taken by one thread, and what is kept is rounded to 9 digits.
    """
    if number(own, "SELECT COUNT(*) FROM people") < LEAST_MATCHES:
        return None
    observed, pairs = _count_u(own)
    own.execute("SET threads = 1")
    terms = {column: _terms(own, column) for column in SHIPPED.terms}
    first = {each.name: _joined(each, _m(each.shipped), observed[each.name]) for each in COMPARISONS}
    start = Model(SHIPPED.match_share, first, terms)
    sessions = [found for each in _BLOCKINGS if (found := _maximise(own, each, start))]
    if sum(found.matches for found in sessions) < LEAST_MATCHES:
        return None
    m = {each.name: _mixed(each, sessions) for each in COMPARISONS}
    share = _match_share(sessions, m)
    u = {each.name: _corrected(each, observed[each.name], m[each.name], share, pairs) for each in COMPARISONS}
    model = Model(share, {each.name: _joined(each, m[each.name], u[each.name]) for each in COMPARISONS}, terms)
    return Estimate(model.parameters, _metrics(own, pairs, sessions))


def _metrics(own: duckdb.DuckDBPyConnection, pairs: int, sessions: list[_Session]) -> dict[str, Any]:
    expected = {" and ".join(found.blocking.columns): float(f"{found.matches:.6g}") for found in sessions}
    return {"people": number(own, "SELECT COUNT(*) FROM people"), "pairs_sampled": pairs, "matches": expected}


def _count_u(own: duckdb.DuckDBPyConnection) -> tuple[dict[str, dict[str, float]], int]:
    """Shares of the levels over all pairs of the sample, pairs of one person among them, and how many pairs."""
    own.execute(f"""
        CREATE OR REPLACE TABLE sampled AS
        FROM people ORDER BY sha256('{SEED}' || identifier), identifier LIMIT {SAMPLE}
    """)
    count = number(own, "SELECT COUNT(*) FROM sampled")
    made, _ = linker(own, "sampled", SHIPPED)
    made.training.estimate_u_using_random_sampling(
        max_pairs=count * count + 1, seed=int(SEED), min_count_per_level=None, num_chunks=1
    )
    found = levels(made)
    return {
        each.name: {level.name: found[each.name][level.name].get("u_probability", 0.0) for level in each.levels}
        for each in COMPARISONS
    }, count * (count - 1) // 2


def _corrected(
    each: Comparison, observed: dict[str, float], m: dict[str, float], share: float, pairs: int
) -> dict[str, float]:
    """What is observed without the pairs of one person in it; at least one pair, the last level is what remains."""
    if observed == _u(each.shipped):  # nothing was known of anybody
        return observed
    found = {n: max((u - share * m[n]) / (1 - share), 1 / pairs) for n, u in observed.items() if n != DIFFERENT}
    return {**found, DIFFERENT: max(1 - sum(found.values()), 1 / pairs)}


def _maximise(own: duckdb.DuckDBPyConnection, blocking: _Blocking, model: Model) -> _Session | None:
    """One session over whole blocks, as many as `_MOST_PAIRS` allow; None where no two people agree."""
    from splink import block_on

    part = _blocked(own, blocking)
    pairs = number(own, f"SELECT coalesce(SUM(n * (n - 1) // 2), 0) FROM ({_counted(blocking, 'trained')})")
    if pairs == 0:
        return None
    made, _ = linker(own, "trained", model)
    session = made.training.estimate_parameters_using_expectation_maximisation(
        block_on(*blocking.columns), estimate_without_term_frequencies=True
    )
    found = levels(made)
    m = {
        each.name: {level.name: found[each.name][level.name].get("m_probability", 0.0) for level in each.levels}
        for each in COMPARISONS
        if each.name not in blocking.used
    }
    known = number(own, f"SELECT COUNT(*) FROM people WHERE {_known(blocking)}")
    share = session.core_model_settings.probability_two_random_records_match
    return _Session(blocking, m, share * pairs / part, known * (known - 1) // 2)


def _blocked(own: duckdb.DuckDBPyConnection, blocking: _Blocking) -> float:
    """Make `trained`: the people of whole blocks, chosen by a digest of the key; gives the share of pairs in it."""
    counted = _counted(blocking, "people")
    total = number(own, f"SELECT coalesce(SUM(n * (n - 1) // 2), 0) FROM ({counted}) WHERE n <= {_CROWD}")
    own.execute(f"""
        CREATE OR REPLACE TABLE trained AS
        WITH blocks AS (
            SELECT {", ".join(blocking.columns)}, n * (n - 1) // 2 AS pairs,
                SUM(n * (n - 1) // 2) OVER (ORDER BY sha256({_key(blocking)}), {_key(blocking)}) AS running
            FROM ({counted})
            WHERE n BETWEEN 2 AND {_CROWD}
        ),
        chosen AS (
            FROM blocks WHERE running - pairs < {_MOST_PAIRS}
        )
        SELECT people.*
        FROM people
        SEMI JOIN chosen USING ({", ".join(blocking.columns)})
        ORDER BY identifier
    """)
    taken = number(own, f"SELECT coalesce(SUM(n * (n - 1) // 2), 0) FROM ({_counted(blocking, 'trained')})")
    return taken / total if total else 1.0


def _counted(blocking: _Blocking, table: str) -> str:
    columns = ", ".join(blocking.columns)
    return f"SELECT {columns}, COUNT(*) AS n FROM {table} WHERE {_known(blocking)} GROUP BY {columns}"


def _known(blocking: _Blocking) -> str:
    return " AND ".join(f"{column} IS NOT NULL" for column in blocking.columns)


def _key(blocking: _Blocking) -> str:
    return f"'{SEED}' || " + " || ".join(f"chr(31) || {column}" for column in blocking.columns)


def _mixed(each: Comparison, sessions: list[_Session]) -> dict[str, float]:
    """Mean of m over the sessions that tell it, weighed by expected pairs; the shipped m weigh `_SHIPPED_PAIRS`."""
    told = [(found.matches, found.m[each.name]) for found in sessions if each.name in found.m]
    told.append((_SHIPPED_PAIRS, _m(each.shipped)))
    sums = {level.name: sum(weight * m[level.name] for weight, m in told) for level in each.levels}
    return {name: total / sum(sums.values()) for name, total in sums.items()}


def _match_share(sessions: list[_Session], m: dict[str, dict[str, float]]) -> float:
    """How probable it is that two people are one: of those who are, m says how many agree on what a session blocks."""
    shares = []
    for found in sessions:
        agreeing = 1.0
        for name in found.blocking.used:
            agreeing *= next(iter(m[name].values()))
        shares.append((found.matches, min(found.matches / agreeing / found.possible, 0.5)))
    return _rounded(sum(weight * share for weight, share in shares) / sum(weight for weight, _ in shares))


def _terms(own: duckdb.DuckDBPyConnection, column: str) -> Terms:
    """Shares of the values that at least `LEAST_HOLDERS` people have, by digest; of the others the mean share."""
    rows = own.execute(f"""
        SELECT {term_sql(column)} AS digest, COUNT(*) AS holders
        FROM people
        WHERE {column} IS NOT NULL
        GROUP BY {column}
        ORDER BY holders DESC, digest
    """).fetchall()
    total = sum(holders for _, holders in rows)
    listed = [(digest, holders) for digest, holders in rows[:MOST_TERMS] if holders >= LEAST_HOLDERS]
    others = rows[len(listed) :]
    rare = sum(holders for _, holders in others) / len(others) / total if others else None
    return Terms(rare and _rounded(rare), {digest: _rounded(holders / total) for digest, holders in listed})


def _m(shares: Shares) -> dict[str, float]:
    return {level: m for level, (m, _) in shares.items()}


def _u(shares: Shares) -> dict[str, float]:
    return {level: u for level, (_, u) in shares.items()}


def _joined(each: Comparison, m: dict[str, float], u: dict[str, float]) -> Shares:
    return {level.name: (_rounded(m[level.name]), _rounded(u[level.name])) for level in each.levels}


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
