"""`profiles_asof` in a published lake: on both catalogs, on a read-only attachment, after re-attaching."""

from pathlib import Path

import pytest

from pipelines.keep.rollups import rollups
from pipelines.know.know import know
from tests.catalogs import Cluster, long_on_postgres
from tests.know.lives import batch
from tests.know.worlds import activity, identity, insert, interaction
from warehouse import open_lake
from warehouse.home import Home
from warehouse.lake import Lake, open_writer
from warehouse.run import parse_instant

AS_OF = parse_instant("2018-01-02")


def live(lake: Lake, person: str, since: int | None) -> None:
    """One commit that brings one person."""
    with lake.commit(AS_OF) as run:
        seq = run.commit_seq
        insert(lake.con, "interactions", [interaction(person, "2017-12-01T10:00:00", commit_seq=seq)])
        insert(lake.con, "daily_activity", [activity(person, "2017-12-01T10:00:00", commit_seq=seq)])
        insert(lake.con, "identities", [identity(person, known_from=run.started_at, commit_seq=seq)])
        insert(lake.con, "batches", [batch(run)])
        know(lake.con, run, since, rollups())


@long_on_postgres
def test_readers_have_the_macro_and_keep_it_when_they_move_on(
    catalog: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    home = Home(tmp_path / "home")
    if catalog == "postgres":
        cluster: Cluster = request.getfixturevalue("postgres")
        home.root.mkdir()
        home.settings_file.write_text(cluster.settings(cluster.new_database()), encoding="utf-8")
    asked = "SELECT anchor FROM profiles_asof('2018-01-02', NULL) ORDER BY anchor"
    with open_writer(home) as lake:
        live(lake, "user_id:a", None)
        with open_lake(home.root) as reader:
            assert reader.execute(asked).fetchall() == [("user_id:a",)]
            live(lake, "user_id:b", 1)
            assert reader.execute(asked).fetchall() == [("user_id:a",), ("user_id:b",)]
            ((first,),) = reader.execute("SELECT MIN(started_at) FROM batches").fetchall()
            then = "SELECT anchor FROM profiles_asof('2018-01-02', ?)"
            assert reader.execute(then, [first]).fetchall() == [("user_id:a",)]
