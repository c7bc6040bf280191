"""The same on a PostgreSQL catalog: no table, and no file of one, keeps what was erased."""

from pathlib import Path

import psycopg
import pytest

from tests.catalogs import Cluster, binaries
from tests.erase.homes import erase, events, traced
from tests.laws.states import one
from tests.laws.worlds import run_load
from warehouse.home import Home

GONE = "zz-somebody-unknown"


@pytest.mark.long
@pytest.mark.skipif(not binaries(), reason="PostgreSQL's server programs are not installed")
def test_an_erasure_reaches_the_catalog(postgres: Cluster, tmp_path: Path) -> None:
    home, database = Home(tmp_path / "home"), postgres.new_database()
    home.prepare()
    setting = postgres.settings(database)
    home.settings_file.write_text(setting, encoding="utf-8")
    # Words of the settings, also as the table premises writes them.
    said = {"one": "Loyalty_ID", "other": 'user_id": 100', "third": "blocked_values"}
    run_load(home, events({"userId": GONE, "properties": said}, {"userId": "aa-somebody-else"}))
    assert found(postgres, database)
    report = erase(home, GONE, settings=setting)
    assert report.search.traces == ()
    assert traced(home, [GONE]) == set()
    assert not found(postgres, database)
    assert one(home, "SELECT COUNT(*) FROM interactions WHERE anchor = 'user_id:aa-somebody-else'") == 1


def found(postgres: Cluster, database: str) -> bool:
    """Whether a table of the catalog holds the value in its pages; PostgreSQL's log of writes is left out."""
    with psycopg.connect(postgres.connection(database), autocommit=True) as session:
        session.execute("CHECKPOINT")
        row = session.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
    assert row is not None
    files = (postgres.folder / "data" / "base" / str(row[0])).iterdir()
    return any(GONE.encode() in path.read_bytes() for path in files)
