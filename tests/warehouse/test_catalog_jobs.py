"""The whole job on every catalog: the same knowledge, read from another process, kept up, and encrypted if so set."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.catalogs import CATALOGS, Cluster
from tests.flows.cli import SCRIPT, rapport, write_events
from tests.warehouse.homes import data_files
from warehouse import open_lake
from warehouse.home import Home
from warehouse.lake import open_writer
from warehouse.scan import find_traces

EMAIL = "one@example.com"
OTHERS = (
    *(pytest.param(("postgres", False), id="postgres") for name in CATALOGS if name == "postgres"),
    pytest.param(("embedded", True), id="encrypted", marks=pytest.mark.long),
)
QUERIES = (
    "SELECT * EXCLUDE (commit_seq) FROM profiles ORDER BY ALL",
    "SELECT interaction_id, anchor, amount, occurred_at FROM interactions ORDER BY ALL",
    "SELECT * EXCLUDE (commit_seq) FROM orders ORDER BY ALL",
    "SELECT identifier, customer_id FROM current_identities ORDER BY ALL",
    "SELECT customer_id, offer_id, reason FROM latest_decisions ORDER BY ALL",
)


@pytest.fixture(scope="module")
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bool], Home]:
    """Homes in which two customers are known and decided, by catalog and encryption; do not change them."""
    made: dict[tuple[str, bool], Home] = {}

    def make(catalog: str, is_encrypted: bool) -> Home:
        home = Home(tmp_path_factory.mktemp("shop") / "home")
        home.root.mkdir()
        settings = f"threads = 1\nis_encrypted = {json.dumps(is_encrypted)}\n"
        if catalog == "postgres":
            cluster: Cluster = request.getfixturevalue("postgres")
            settings += cluster.settings(cluster.new_database())
        home.settings_file.write_text(settings, encoding="utf-8")
        events = write_events(home.root.parent / "events.jsonl")
        for command in (("init",), ("ingest", "segment", str(events)), ("run", "--as-of", "2024-03-05"), ("maintain",)):
            answer = rapport("--home", str(home.root), *command)
            assert answer.code == 0, answer.err
        return home

    return lambda *kind: made.setdefault(kind, made.get(kind) or make(*kind))


@pytest.fixture(params=OTHERS)
def other(request: pytest.FixtureRequest, shop: Callable[[str, bool], Home]) -> Home:
    """A shop on another catalog than the plain embedded one."""
    return shop(*request.param)


def test_every_catalog_holds_the_same(shop: Callable[[str, bool], Home], other: Home) -> None:
    with open_lake(shop("embedded", False).root) as plain, open_lake(other.root) as lake:
        for query in QUERIES:
            rows = plain.execute(query).fetchall()
            assert rows != []
            assert lake.execute(query).fetchall() == rows


def test_another_process_reads_it(other: Home) -> None:
    command = [
        str(SCRIPT),
        "--home",
        str(other.root),
        "sql",
        "SELECT COUNT(*) AS n FROM customer_interactions",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["rows"] == [{"n": 4}]


def test_an_idle_run_commits_nothing(other: Home) -> None:
    answer = rapport("--home", str(other.root), "run", "--as-of", "2024-03-05", "--json")
    assert (answer.code, answer.object["is_idle"]) == (0, True)


def lies_open(home: Home) -> bool:
    """Whether the e-mail address can be read in a file of the lake's data: as bytes, or in a decompressed page."""
    paths = [home.root / path for path in data_files(home)]
    assert len(paths) > 5
    return any(EMAIL.encode() in path.read_bytes() for path in paths) or find_traces(home.data, [EMAIL.encode()]) != []


@pytest.mark.long
def test_an_encrypted_lake_shows_nothing_to_who_has_only_its_files(shop: Callable[[str, bool], Home]) -> None:
    home = shop("embedded", True)
    assert lies_open(shop("embedded", False))
    assert not lies_open(home)
    with open_lake(home.root) as lake:
        query = "SELECT COUNT(*) FROM current_identities WHERE value = ?"
        assert lake.execute(query, [EMAIL]).fetchall() == [(1,)]
    for path in data_files(home):
        with pytest.raises(duckdb.Error, match="encrypt"):
            duckdb.sql(f"SELECT COUNT(*) FROM read_parquet('{home.root / path}')").fetchall()


@pytest.mark.long
def test_a_rebuild_encrypts_a_lake_that_was_plain(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    events = write_events(tmp_path / "events.jsonl")
    for command in (("init",), ("ingest", "segment", str(events))):
        assert rapport("--home", str(home.root), *command, RAPPORT_THREADS="1").code == 0
    assert lies_open(home)
    home.settings_file.write_text("threads = 1\nis_encrypted = true", encoding="utf-8")
    assert rapport("--home", str(home.root), "rebuild").code == 0
    with open_writer(home) as lake:
        assert lake.con.execute("SELECT COUNT(*) FROM interactions").fetchall() == [(4,)]
    assert not lies_open(home)
