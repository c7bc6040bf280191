"""The two steps: train a model on the people as of a time, and propose pairs of people by the model in force."""

from dataclasses import dataclass

import duckdb

from pipelines.resolve.proposals.blocking import block
from pipelines.resolve.proposals.linkage import bench
from pipelines.resolve.proposals.model import ESTIMATOR, NAME, Model, current_model
from pipelines.resolve.proposals.people import MEMBERS, forget_people, gather_people
from pipelines.resolve.proposals.score import PRIOR, score
from pipelines.resolve.proposals.train import train
from schemas.keys import key_sql
from warehouse.artefacts import Artefact, store_artefact
from warehouse.queries import drop_temporary, number
from warehouse.run import Run

_TEMPORARY = ("proposal_standing", "proposal_wanted", "proposal_news")


@dataclass(frozen=True)
class ProposeReport:
    """How many people there are and were compared anew, pairs scored, and rows written.

    `accepted` and `waiting` count all proposals that stand: those that link, and those that wait for a person.
    """

    model_version: str
    people: int
    changed: int
    scored: int
    written: int
    accepted: int
    waiting: int


def train_model(con: duckdb.DuckDBPyConnection, run: Run) -> Artefact | None:
    """Fit the model on what was stated before `run.as_of` and store its next version; None where data are too few."""
    gather_people(con, run.settings.identity, None, run.as_of)
    with bench(con, run.settings) as own:
        estimate = train(own)
    forget_people(con)
    return store_artefact(con, run, NAME, ESTIMATOR, estimate) if estimate else None


def propose(con: duckdb.DuckDBPyConnection, run: Run, since: int | None) -> ProposeReport:
    """Score people whom a commit after `since` touched against all (None: all), and write what is news.

    `identity_proposals` has one row a pair: pairs of probability `review` or more, and those that once were and are
    scored again. A row that says what it said stays as it is. Everything stated counts, whatever `run.as_of` is.
    """
    version, model = current_model(con)
    people = gather_people(con, run.settings.identity, since)
    con.execute(_STANDING)
    with bench(con, run.settings) as own:
        _pair(con, own)
        score(own, model)
        con.register("proposal_scored", own.execute("FROM scored").to_arrow_table())
    changed = number(con, "SELECT COUNT(*) FROM proposal_people WHERE is_changed")
    scored = number(con, "SELECT COUNT(*) FROM proposal_scored")
    written = _write(con, run, version, model)
    con.unregister("proposal_scored")
    forget_people(con)
    drop_temporary(con, _TEMPORARY)
    accepted, waiting = _counts(con, run)
    return ProposeReport(version, people, changed, scored, written, accepted, waiting)


def _pair(con: duckdb.DuckDBPyConnection, own: duckdb.DuckDBPyConnection) -> None:
    """The pairs to score: those that blocking finds, and those of standing proposals whose people have changed."""
    block(own)
    known = con.execute("""
        SELECT DISTINCT least(left_anchor, right_anchor) AS one, greatest(left_anchor, right_anchor) AS other
        FROM proposal_standing
        WHERE left_anchor <> right_anchor AND is_concerned
    """).to_arrow_table()
    own.register("known", known)
    own.execute(
        "INSERT INTO pairs SELECT one, other, '0' FROM known ANTI JOIN pairs ON one = join_key_l AND other = join_key_r"
    )
    own.unregister("known")


def _write(con: duckdb.DuckDBPyConnection, run: Run, version: str, model: Model) -> int:
    weight = round(model.prior, 4)
    con.execute(
        _WANTED,
        {"review": run.settings.identity.review, "prior": weight, "level": PRIOR},
    )
    con.execute(_NEWS, {"version": version})
    written = number(con, "SELECT COUNT(*) FROM proposal_news")
    if number(con, "SELECT COUNT(*) FROM proposal_news WHERE is_standing"):
        con.execute(_TAKE_OUT)
    if written:
        con.execute(_INSERT, {"version": version, "at": run.started_at, "commit": run.commit_seq})
    return written


# The persons of standing proposals; an anchor that is NULL is of nobody of whom anything is stated now.
_STANDING = f"""
    CREATE OR REPLACE TEMP TABLE proposal_standing AS
    SELECT standing.left_identifier, standing.right_identifier, standing.match_weight, standing.waterfall,
        standing.model_version, one.anchor AS left_anchor, other.anchor AS right_anchor,
        coalesce(left_one.is_changed, TRUE) OR coalesce(right_one.is_changed, TRUE) AS is_concerned
    FROM identity_proposals AS standing
    LEFT JOIN (SELECT identifier, MIN(anchor) AS anchor FROM {MEMBERS} GROUP BY identifier) AS one
        ON one.identifier = standing.left_identifier
    LEFT JOIN (SELECT identifier, MIN(anchor) AS anchor FROM {MEMBERS} GROUP BY identifier) AS other
        ON other.identifier = standing.right_identifier
    LEFT JOIN proposal_people AS left_one ON left_one.identifier = one.anchor
    LEFT JOIN proposal_people AS right_one ON right_one.identifier = other.anchor
"""

_WANTED = """
    CREATE OR REPLACE TEMP TABLE proposal_wanted AS
    WITH again AS (
        SELECT standing.left_identifier, standing.right_identifier, scored.probability, scored.match_weight,
            scored.waterfall
        FROM proposal_standing AS standing
        LEFT JOIN proposal_scored AS scored
            ON scored.left_identifier = least(standing.left_anchor, standing.right_anchor)
            AND scored.right_identifier = greatest(standing.left_anchor, standing.right_anchor)
        WHERE standing.is_concerned AND standing.left_anchor IS DISTINCT FROM standing.right_anchor
    )
    SELECT left_identifier, right_identifier, probability, match_weight, waterfall
    FROM proposal_scored
    WHERE probability >= $review
    UNION
    SELECT left_identifier, right_identifier,
        coalesce(probability, 1 / (1 + pow(2, -$prior::DOUBLE))),
        coalesce(match_weight, $prior::DOUBLE),
        coalesce(waterfall, to_json([{'comparison': 'prior', 'level': $level, 'match_weight': $prior::DOUBLE}]))
    FROM again
"""

_NEWS = """
    CREATE OR REPLACE TEMP TABLE proposal_news AS
    SELECT wanted.*, standing.left_identifier IS NOT NULL AS is_standing
    FROM proposal_wanted AS wanted
    LEFT JOIN proposal_standing AS standing USING (left_identifier, right_identifier)
    WHERE standing.left_identifier IS NULL
        OR standing.model_version <> $version
        OR standing.waterfall::VARCHAR <> wanted.waterfall::VARCHAR
"""

_TAKE_OUT = """
    DELETE FROM identity_proposals
    WHERE (left_identifier, right_identifier) IN (SELECT (left_identifier, right_identifier) FROM proposal_news)
"""

_INSERT = f"""
    INSERT INTO identity_proposals BY NAME
    SELECT {key_sql("left_identifier", "right_identifier", "$version")} AS proposal_id,
        left_identifier, right_identifier, probability, match_weight, waterfall,
        $version AS model_version, $at AS proposed_at, $commit AS commit_seq
    FROM proposal_news
"""


def _counts(con: duckdb.DuckDBPyConnection, run: Run) -> tuple[int, int]:
    accept, review = run.settings.identity.accept, run.settings.identity.review
    row = con.execute(
        "SELECT COUNT(*) FILTER (probability >= $1), COUNT(*) FILTER (probability >= $2 AND probability < $1) "
        "FROM identity_proposals",
        [accept, review],
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
