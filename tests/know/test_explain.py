"""One customer explained: values at any time, and the evidence behind each."""

from pipelines.know.explain import EVIDENCE_SCHEMA, explain
from pipelines.know.know import know
from pipelines.know.traits import traits
from tests.know.test_know import ANNA, BERT, world
from tests.know.worlds import at, customer, insert, lake_of, profile, run_at, stated


def test_the_explained_values_are_those_of_the_profile() -> None:
    con = lake_of(world())
    know(con, run_at(), None)
    found = explain(con, run_at(), customer(ANNA))
    assert found is not None
    kept = profile(con, ANNA)
    assert found.values == {name: kept[name] for name in found.values}


def test_every_trait_names_its_evidence() -> None:
    con = lake_of(world())
    insert(con, "statements", [stated(ANNA, "2017-03-01T10:00:00", "email")])
    found = explain(con, run_at(), customer(ANNA))
    assert found is not None
    assert set(found.evidence) == set(traits())
    assert all(table.schema == EVIDENCE_SCHEMA and table.num_rows for table in found.evidence.values())
    assert found.evidence["recency"]["row_key"].to_pylist() == ["shop/3"]
    assert found.evidence["seen"].num_rows == 3
    assert found.evidence["order_windows"]["seen_at"].to_pylist()[0] == at("2017-12-30T19:00:00")


def test_evidence_is_limited_to_the_newest_rows() -> None:
    found = explain(lake_of(world()), run_at(), customer(ANNA), limit=1)
    assert found is not None
    assert found.evidence["frequency"]["row_key"].to_pylist() == ["shop/3"]


def test_a_customer_can_be_asked_for_at_an_earlier_time() -> None:
    con = lake_of(world())
    found = explain(con, run_at(at("2017-04-01")), customer(ANNA))
    assert found is not None
    assert (found.values["order_count"], found.values["recency_days"]) == (1, 30)
    assert explain(con, run_at(at("2017-04-01")), customer(BERT)) is None
