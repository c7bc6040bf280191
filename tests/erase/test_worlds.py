"""Law 8 over worlds: what stays is a world in which the person never was, and no file tells of them."""

import shutil
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.erase.conftest import SEED, Erased
from tests.erase.homes import accounts, erase, persons, traced, values, without
from tests.laws.states import assert_conserved, contents, differences, held, one, rows
from tests.laws.worlds import new_home, run_load, small_world, world
from warehouse.compare import STATE
from warehouse.home import Home


def assert_same(left: Home, right: Home) -> None:
    with held(left) as was, held(right) as became:
        assert differences(was, became) == {}


def assert_accounted(home: Home) -> None:
    """Every interaction that was ever loaded is there or was erased, and every count of a file and a run adds up."""
    loaded = one(home, "SELECT SUM(loaded_count) FROM landing_files")
    erased = one(home, "SELECT COALESCE(SUM(erased_interaction_count), 0) FROM erasures")
    assert loaded == one(home, "SELECT COUNT(*) FROM interactions") + erased
    broken = "received_count <> loaded_count + duplicate_count + rejected_count + suppressed_count"
    assert rows(home, f"FROM landing_files WHERE {broken}") == []
    assert rows(home, f"FROM batches WHERE {broken}") == []


def test_the_values_are_found_before_the_erasure_and_nowhere_after(loaded: Home, erased: Erased) -> None:
    wanted = [value for value in values(erased.person) if len(value) >= 8]
    before = {path.relative_to(loaded.root).parts[:2] for path in traced(loaded, wanted)}
    assert {("landing", "files"), ("lake", "data"), ("lake", "published"), ("lake", "catalog.ducklake")} <= before
    assert traced(erased.home, wanted) == set()
    assert erased.report.search.traces == ()
    assert erased.report.search.files > 20


def test_what_stays_is_the_world_without_the_person(erased: Erased) -> None:
    with new_home() as never:
        run_load(never, without(small_world(SEED), erased.person))
        assert_same(never, erased.home)
    assert_accounted(erased.home)


def test_the_certificate_counts_and_names_nobody(erased: Erased) -> None:
    ((certificate,),) = rows(erased.home, "SELECT to_json(e) FROM erasures AS e")
    assert not [value for value in values(erased.person) if value in certificate]
    query = "SELECT erasure_id, person_count, identifier_count, trace_count, finished_at > requested_at FROM erasures"
    assert rows(erased.home, query) == [(erased.report.erasure_id, 1, len(erased.person), 0, True)]
    assert one(erased.home, "SELECT blanked_record_count FROM erasures") == erased.report.blanked_records > 0
    assert not list((erased.home.root / "lake" / "erasing").iterdir())


def test_landed_files_have_the_digests_that_are_noted(erased: Erased) -> None:
    from pipelines.collect.landing import digest

    for path, noted, size in rows(erased.home, "SELECT path, sha256, size_bytes FROM landing_files"):
        found = erased.home.root / path
        assert (digest(found), found.stat().st_size) == (noted, size)


def test_a_replay_stays_out_and_changes_nothing(erased_copy: Home) -> None:
    before = contents(erased_copy, STATE)
    run_load(erased_copy, small_world(SEED))
    assert contents(erased_copy, STATE) == before
    assert one(erased_copy, "SELECT SUM(suppressed_count) FROM landing_files") > 0
    assert_accounted(erased_copy)


def test_a_reader_of_an_older_publication_is_answered_from_the_newest(erased: Erased) -> None:
    before, after = erased.counts
    assert before > after == one(erased.home, "SELECT COUNT(*) FROM interactions")


@pytest.mark.long
@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 3))
@example(seed=0, runs=1, count=1)  # two persons share a device
@settings(max_examples=8, deadline=None)
def test_any_persons_of_any_world_leave_no_trace_and_nothing_else_changed(seed: int, runs: int, count: int) -> None:
    load, random = world(8, 30, seed), Random(seed)
    with new_home() as home, new_home() as never:
        for part in load.dealt(runs, random):
            run_load(home, part, random)
        gone = persons(home)[:count]
        if not gone:
            return
        known = accounts(home)
        report = erase(home, *(random.choice(person) for person in gone))
        assert report.search.traces == ()
        run_load(never, without(load, [identifier for person in gone for identifier in person], known))
        assert_same(never, home)
        assert_accounted(home)
        assert_conserved(never)
        shutil.rmtree(never.root / "landing")
