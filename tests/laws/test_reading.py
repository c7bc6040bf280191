"""Readers in other processes are answered while a run is writing, and see only what is published."""

import json
import os
import subprocess
import sys
from pathlib import Path

from flows.ingest import load
from flows.landing import land_paths
from tests.keep.till import ingest, row
from warehouse.home import Home
from warehouse.lake import open_writer

RAPPORT = "from flows.main import main; main()"


def asked(home: Home) -> int:
    """The number of interactions, asked by `rapport sql` in another process."""
    query = "SELECT COUNT(*) AS interactions FROM interactions"
    done = subprocess.run(
        [sys.executable, "-c", RAPPORT, "--home", str(home.root), "sql", query, "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    ((found,),) = (row.values() for row in json.loads(done.stdout)["rows"])
    return int(found)


def test_rapport_sql_answers_while_another_process_ingests(tmp_path: Path) -> None:
    home = Home(tmp_path)
    ingest(home, [row("e1")])
    calls = tmp_path / "calls.jsonl"
    calls.write_text('{"type":"page","messageId":"m","userId":"u","timestamp":"2025-03-01T10:00:00Z"}\n')
    with open_writer(home) as lake:
        files = land_paths(home, "segment", [calls])
        with lake.commit() as run:
            load(lake, run, files, lambda _: None)
            assert lake.con.execute("SELECT COUNT(*) FROM interactions").fetchall() == [(2,)]
            assert asked(home) == 1
        assert asked(home) == 2
