"""Rebuild: everything anew from what was landed, the same as the lake, and in its place when it is finished."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from unittest.mock import ANY

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rebuild import main as benchmark
from flows.ingest import Origin
from flows.rebuild import rebuild
from flows.rebuild.recorded import Recorded, in_series
from pipelines.collect.landing import LandedFile, draft_of
from schemas.tables import tables
from tests.catalogs import Cluster, binaries
from tests.flows.cli import rapport
from tests.keep.till import ingest, row, till
from tests.laws.states import assert_conserved, contents, differences, held, one, rows, snapshot
from tests.laws.worlds import drop, new_home, run, run_load, small_world, spoil
from tests.warehouse.homes import data_files, referenced
from warehouse import open_lake
from warehouse.compare import STATE
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import open_writer
from warehouse.maintain import remove_files

SEED = 3


def silent(_: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A world in two runs, the second with late events and copies; each test leaves it as it was."""
    load, random = small_world(SEED), Random(SEED)
    late = load.shuffled(random).records[:100]
    with new_home() as made:
        run_load(made, load.of([record for record in load.records if record not in late]), random)
        run_load(made, load.of([*late, *random.choices(load.records, k=200)]), random)
        yield made


def everything(home: Home) -> dict[str, list[str]]:
    """All tables with all stamps, but for the notes of rebuilds themselves."""
    found = contents(home, tables())
    found["batches"] = [row for row in found["batches"] if "'rebuild'" not in row and "'maintain'" not in row]
    return found


def test_a_rebuilt_lake_has_every_row_with_the_stamps_that_it_had(home: Home) -> None:
    before, commits = everything(home), one(home, "SELECT MAX(commit_seq) FROM batches")
    old = set(home.data.rglob("*.parquet"))
    count = "SELECT COUNT(*), SUM(hash(properties)) FROM interactions"
    told: list[str] = []
    with open_lake(home.root) as reader:
        reader.confine()
        answer = reader.execute(count).fetchall()
        report = rebuild(home, told.append)
        assert old & set(home.data.rglob("*.parquet"))  # while somebody reads them
        assert reader.execute(count).fetchall() == answer
    assert (report.differences, report.commit_seq) == ({}, commits + 1)
    assert everything(home) == before
    assert (told[0].split(" of ")[0], told[-1]) == ("checking the digests", "removing what is not needed any more")
    again = run_load(home, small_world(SEED))
    assert (again.counts.loaded, again.known and again.known.recomputed) == (0, 0)
    assert not old & set(home.data.rglob("*.parquet"))
    assert_conserved(home)


def test_what_was_changed_behind_its_back_is_reported_and_put_right(home: Home) -> None:
    before = everything(home)
    customer = one(home, "SELECT MIN(customer_id) FROM profiles WHERE order_count > 0")
    with held(home) as state:
        spoil(
            home,
            "DELETE FROM interactions WHERE interaction_id = (SELECT MIN(interaction_id) FROM interactions)",
            "UPDATE orders SET amount = amount + 1 WHERE order_id = (SELECT MIN(order_id) FROM orders)",
            "DELETE FROM daily_activity WHERE day = (SELECT MAX(day) FROM daily_activity)",
            f"UPDATE profiles SET order_count = 1000 WHERE customer_id = '{customer}'",
            "UPDATE identities SET customer_id = 'somebody else' "
            "WHERE identifier = (SELECT MIN(identifier) FROM identities)",
            "UPDATE landing_files SET received_count = received_count + 1, loaded_count = loaded_count + 1",
        )
        answer = rapport("--home", str(home.root), "rebuild")
        text = " ".join(answer.out.split())
        assert answer.code == 0
        assert "orders differs in amount (1); for example" in text
        assert f"profiles differs in order_count (1); for example {customer}." in text
        assert "identities differs in customer_id (1); for example anonymous_id:" in text
        for name in ("interactions", "daily_activity", "landing_files"):
            assert f"{name} differs" in text
        assert "not all is the same. The rebuilt lake is in place, as commit" in text
        with held(home) as rebuilt:
            assert differences(state, rebuilt) == {}
    assert_conserved(home)
    closed = "SELECT known_to IS NULL FROM identities WHERE customer_id = 'somebody else'"
    assert rows(home, closed) == [(False,)]
    after = everything(home)
    unchanged = {name for name in before if before[name] == after[name]}
    assert {"contacts", "consents", "channel_preferences", "interests", "decisions", "landing_files"} <= unchanged
    touched = "commit_seq = (SELECT MAX(commit_seq) FROM batches WHERE stage = 'rebuild')"
    assert one(home, f"SELECT COUNT(*) FROM orders WHERE {touched}") == 1
    assert one(home, f"SELECT COUNT(*) FROM profiles WHERE {touched}") == 1


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes() + b"\n"), "has changed since it was received"),
        (lambda path: path.unlink(), "is gone"),
    ],
)
def test_a_landed_file_that_changed_is_named_and_the_lake_stays(
    harm: Callable[[Path], object], said: str, home: Home, tmp_path: Path
) -> None:
    path = home.root / one(home, "SELECT MIN(path) FROM landing_files")
    name = one(home, "SELECT name FROM landing_files ORDER BY path LIMIT 1")
    before, published, text = contents(home), snapshot(home), path.read_bytes()
    harm(path)
    answer = rapport("--home", str(home.root), "rebuild", "--json")
    assert (answer.code, answer.out) == (1, "")
    assert f"('{name}') {said}" in answer.err
    path.write_bytes(text)
    assert (contents(home), snapshot(home)) == (before, published)
    assert run(home).is_idle


def test_a_home_that_cannot_be_rebuilt_says_why(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(RapportError, match="there is no lake"):
        rebuild(home, silent)
    home.settings_file.write_text('catalog = "postgres:dbname=none"\n', encoding="utf-8")
    with pytest.raises(RapportError, match="PostgreSQL"):
        rebuild(home, silent)


@pytest.fixture(scope="module")
def till_home() -> Iterator[Home]:
    """A till's rows in three commits, with corrections and late copies, and a file that waits to be loaded."""
    corrected = [row(f"e{n}", user="u1", version=2, amount=n) for n in range(3)]
    with new_home() as made:
        ingest(made, [row(f"e{n}", version=1) for n in range(3)], corrected, [row("e4"), row("e0", version=1)])
        run(made)
        drop(made, till(row("e5")))
        yield made


def test_a_trial_compares_and_changes_nothing(till_home: Home) -> None:
    before, published = contents(till_home, tables()), snapshot(till_home)
    draft = draft_of(till_home, one(till_home, "SELECT MIN(path) FROM landing_files"))
    draft.write_bytes(b"what a killed process had begun")
    answer = rapport("--home", str(till_home.root), "rebuild", "--dry-run", "--json")
    assert not draft.exists()
    found = answer.object
    assert (answer.code, found["is_equal"], found["is_replaced"], found["commit_seq"]) == (0, True, False, None)
    assert (found["files"], found["received"]) == (3, 8)
    assert set(STATE) < set(found["tables"])
    assert found["tables"]["interactions"]["left_count"] == 4
    assert (contents(till_home, tables()), snapshot(till_home)) == (before, published)
    assert not list(till_home.staging.iterdir())


@pytest.mark.long
def test_in_bounded_series_the_same_comes_out_and_what_waits_goes_on_waiting(
    till_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(till_home)
    monkeypatch.setenv("RAPPORT_MAX_BATCH_EVENTS", "1")
    assert rebuild(till_home, silent).differences == {}
    assert everything(till_home) == before
    assert run(till_home).counts.loaded == 1


@pytest.mark.long
def test_identities_and_profiles_that_lag_are_taken_over_as_they_are(till_home: Home) -> None:
    ingest(till_home, [row("e6", user="u6")])
    before, told = everything(till_home), list[str]()
    assert rebuild(till_home, told.append).differences == {}
    assert any("lag behind" in line for line in told)
    assert everything(till_home) == before
    assert one(till_home, "SELECT COUNT(*) FROM profiles_asof(TIMESTAMPTZ '2026-01-01', now())") == 1
    run(till_home)
    assert one(till_home, "SELECT COUNT(*) FROM profiles") == 2


def test_a_lake_without_a_record_can_be_rebuilt() -> None:
    with new_home() as home:
        with open_writer(home):
            pass
        report = rebuild(home, silent, is_trial=True)
        assert (report.files, report.received, report.differences) == (0, 0, {})


@given(sizes=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3_000)), max_size=12), most=st.integers(1, 5))
def test_series_keep_the_files_of_one_commit_together(sizes: list[tuple[int, int]], most: int) -> None:
    files = [
        Recorded(_landed(str(number), size), Origin("", commit, datetime.now(UTC)))
        for number, (commit, size) in enumerate(sorted(sizes))
    ]
    series = list(in_series(files, most))
    assert [each for part in series for each in part] == files
    commits = [{each.origin.commit_seq for each in part} for part in series]
    assert sum(len(part) for part in commits) == len({each.origin.commit_seq for each in files})
    assert all(
        len(c) == 1 or sum(each.file.size_bytes for each in p) <= most * 500
        for c, p in zip(commits, series, strict=True)
    )


def _landed(file_id: str, size: int) -> LandedFile:
    return LandedFile(file_id, "segment", "segment", "", "", "", size, None, "")


@pytest.mark.long
@pytest.mark.skipif(not binaries(), reason="PostgreSQL's server programs are not installed")
def test_a_lake_whose_catalog_is_in_postgresql_is_rebuilt_in_place(postgres: Cluster, tmp_path: Path) -> None:
    home, total = Home(tmp_path / "home"), "SELECT COUNT(*), SUM(amount) FROM orders"
    home.prepare()
    home.settings_file.write_text(postgres.settings(postgres.new_database()), encoding="utf-8")
    first, second = small_world(SEED).dealt(2, Random(SEED))
    run_load(home, first)
    with open_lake(home.root) as reader:
        before, right = everything(home), reader.execute(total).fetchall()
        old = data_files(home)
        assert rebuild(home, silent).differences == {}
        assert everything(home) == before
        assert old < data_files(home)  # for queries that have begun
        spoil(home, "UPDATE orders SET amount = amount + 1 WHERE order_id = (SELECT MIN(order_id) FROM orders)")
        assert reader.execute(total).fetchall() != right
        assert set(rebuild(home, silent).differences) >= {"orders"}
        assert reader.execute(total).fetchall() == right
        assert run(home).is_idle
        run_load(home, second)
        assert reader.execute(total).fetchall() == [(one(home, "SELECT COUNT(*) FROM orders"), ANY)]
    assert rebuild(home, silent).differences == {}
    with open_writer(home) as lake:
        remove_files(lake, grace_seconds=0)
        assert referenced(lake) <= data_files(home)
    assert not old & data_files(home)


KILLED_WHILE_IT_TAKES_OVER = """
import os, signal, sys
from pathlib import Path
from flows.rebuild import rebuild
from warehouse import catalog_replace
from warehouse.home import Home

copy, tables_left = catalog_replace._copy, iter(range(int(sys.argv[2]), -1, -1))

def copy_or_die(*given):
    if not next(tables_left):
        os.kill(os.getpid(), signal.SIGKILL)
    copy(*given)

catalog_replace._copy = copy_or_die
rebuild(Home(Path(sys.argv[1])), lambda _: None)
"""


@pytest.mark.long
@pytest.mark.skipif(not binaries(), reason="PostgreSQL's server programs are not installed")
@pytest.mark.parametrize("tables_copied", [0, 9])
def test_killed_while_the_new_lake_takes_over_in_postgresql_nothing_has_changed(
    tables_copied: int, postgres: Cluster, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    home.settings_file.write_text(postgres.settings(postgres.new_database()), encoding="utf-8")
    run_load(home, small_world(SEED))
    before = everything(home)
    with open_lake(home.root) as reader:
        command = [sys.executable, "-c", KILLED_WHILE_IT_TAKES_OVER, str(home.root), str(tables_copied)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert reader.execute("SELECT COUNT(*) > 0 FROM orders").fetchall() == [(True,)]
    assert everything(home) == before
    assert run(home).is_idle
    assert rebuild(home, silent).differences == {}
    assert everything(home) == before


@pytest.mark.long
def test_a_world_that_lived_through_a_lot_comes_out_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark(["--events", "100000", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["differences"], found["merges"] > 0, found["erasures"]) == ({}, True, 50)
