"""The Beam pipeline gives the customers of one machine, and says when its rounds are too few."""

import random
from dataclasses import replace
from itertools import pairwise

import apache_beam as beam
import duckdb
import pytest
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.resolve.distributed.component import decide_component
from pipelines.resolve.distributed.records import Node, Place, Tie, in_order
from pipelines.resolve.distributed.rounds import Edge, both_ways, downwards, large_star, small_star
from pipelines.resolve.distributed.transform import FindComponents, ResolveIdentities
from pipelines.resolve.partition import ACT, EVIDENCE, PROPOSAL, RELATIONS
from schemas.identifiers import split_identifier
from schemas.keys import key
from tests.resolve.test_resolve import worlds
from tests.resolve.worlds import IDENTITY, START, Event, event, resolved
from warehouse.errors import RapportError
from warehouse.settings import IdentitySettings


def nodes_of(con: duckdb.DuckDBPyConnection) -> list[Node]:
    query = "SELECT identifier, kind, value, first_seen_at FROM identities WHERE known_to IS NULL"
    return [Node(*row) for row in con.execute(query).fetchall()]


def ties_of(con: duckdb.DuckDBPyConnection) -> list[Tie]:
    query = f"SELECT left_identifier, right_identifier, {EVIDENCE}, epoch_us(occurred_at), link_id FROM identity_links"
    return [Tie(*row) for row in con.execute(query).fetchall()]


def placed(con: duckdb.DuckDBPyConnection) -> set[tuple[str, str, str]]:
    found = con.execute("SELECT identifier, customer_id, relation FROM identities WHERE known_to IS NULL").fetchall()
    return set(found)


def told(places: list[Place]) -> set[tuple[str, str, str]]:
    return {(p.identifier, key(*(split_identifier(p.anchor) or ())), RELATIONS[p.relation]) for p in places}


def in_rounds(edges: set[Edge], rounds: int) -> set[Edge]:
    for _ in range(rounds):
        for star, spread in ((large_star, both_ways), (small_star, lambda edge: [downwards(edge)])):
            neighbours: dict[str, set[str]] = {}
            for one, other in (pair for edge in edges for pair in spread(edge)):
                neighbours.setdefault(one, set()).add(other)
            edges = {edge for node, others in neighbours.items() for edge in star(node, others)}
    return edges


@pytest.mark.parametrize("shape", ["chain", "star", "ring"])
def test_eight_rounds_find_the_components_of_long_shapes(shape: str) -> None:
    names = [f"{number:04}" for number in range(300)]
    random.Random(7).shuffle(names)
    edges = {
        "chain": set(pairwise(names)),
        "star": {(names[0], name) for name in names[1:]},
        "ring": {*pairwise(names), (names[-1], names[0])},
    }[shape]
    assert in_rounds(edges, 8) == {(name, "0000") for name in names if name != "0000"}


@given(world=worlds, limits=st.sampled_from([(2_000, 10_000), (2, 10_000), (2_000, 3)]))
@settings(max_examples=12, deadline=None)
def test_a_component_is_decided_as_on_one_machine(world: list[Event], limits: tuple[int, int]) -> None:
    identity = replace(IDENTITY, degree_limit=limits[0], size_limit=limits[1])
    con, _ = resolved([world], identity)
    ties = ties_of(con)
    degrees = {end: len({(t.left, t.right) for t in ties if end in t[:2]}) for t in ties for end in t[:2]}
    crowded = frozenset(end for end, degree in degrees.items() if degree > limits[0])
    assert told([*decide_component(nodes_of(con), ties, crowded, identity)]) == placed(con)


def world_of_conflicts() -> list[Event]:
    rng = random.Random(3)
    kinds = ["user_id", "email", "device_id", "anonymous_id"]
    return [
        event(minute, *{f"{kind}:{rng.randrange(1, 30)}" for kind in rng.sample(kinds, 2)}) for minute in range(90)
    ] + [event(minute, "email:office@y.de", f"phone:+49{minute}") for minute in range(100, 130)]


def test_the_pipeline_gives_the_customers_of_one_machine() -> None:
    identity: IdentitySettings = replace(IDENTITY, degree_limit=20)
    con, (report,) = resolved([world_of_conflicts()], identity)
    assert report.identifiers_shared
    assert report.identifiers_crowded
    with beam.Pipeline("DirectRunner") as pipeline:
        inputs = {
            "nodes": pipeline | "Read nodes" >> beam.Create(nodes_of(con)),
            "ties": pipeline | "Read ties" >> beam.Create(ties_of(con)),
        }
        found = inputs | ResolveIdentities(identity, rounds=4) | beam.Map(lambda place: told([place]).pop())
        assert_that(found, equal_to(placed(con)))


def test_too_few_rounds_are_told() -> None:
    names = [f"{number:03}" for number in range(40)]
    with (
        pytest.raises(RapportError, match="the rounds were not enough"),
        beam.Pipeline("DirectRunner") as pipeline,
    ):
        _ = pipeline | beam.Create(list(pairwise(names))) | FindComponents(rounds=1)


def test_ties_are_accepted_acts_first_the_newest_before_the_older() -> None:
    said = [(PROPOSAL, -1, "p"), (EVIDENCE, 2, "a"), (EVIDENCE, 1, "b"), (ACT, -5, "c"), (ACT, -9, "d"), (ACT, -9, "e")]
    ordered = in_order([Tie("x", "y", *each) for each in said])
    assert [tie.tie_id for tie in ordered] == ["e", "d", "c", "b", "a", "p"]


def test_held_and_released_nodes_count_as_on_one_machine() -> None:
    nodes = [Node(f"email:{name}", "email", name, START, is_held=name == "a") for name in ("a", "b")]
    ties = [Tie("email:a", "email:b", EVIDENCE, 1, "t")]
    assert {place.anchor for place in decide_component(nodes, ties, frozenset(), IDENTITY)} == {"email:a", "email:b"}
    freed = [node._replace(is_held=False, is_released=True) for node in nodes]
    strict = replace(IDENTITY, size_limit=1)
    assert {place.anchor for place in decide_component(freed, ties, frozenset(), strict)} == {"email:a"}
