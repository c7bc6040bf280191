"""What the tests of the warehouse do with a home: write, look, start processes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.table import literal
from schemas.tables import tables
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.run import Run
from warehouse.settings import Settings, load_settings

REPOSITORY = Path(__file__).parents[2]


def note(lake: Lake, run: Run, stage: str = "collect") -> None:
    """Write the batch of `run`, as every run does."""
    row = [run.batch_id, stage, None, run.commit_seq, run.started_at, run.started_at, 0, 0, 0, 0, 0]
    lake.con.execute(f"INSERT INTO batches VALUES ({', '.join('?' * len(row))})", row)


def write_profiles(lake: Lake, run: Run, count: int = 3) -> None:
    """Replace all profiles by `count` of this run."""
    lake.con.execute("DELETE FROM profiles")
    lake.con.execute(f"INSERT INTO profiles {profiles(run, count)}")


def profiles(run: Run, count: int) -> str:
    """SQL for `count` profiles of this run."""
    return (
        f"SELECT 'customer-' || i AS customer_id, 'email:' || i AS anchor, 1::BIGINT AS identifier_count, "
        f"TIMESTAMPTZ '2018-01-02' AS as_of, {run.commit_seq}::BIGINT AS commit_seq FROM range({count}) AS t(i)"
    )


def stage_profiles(lake: Lake, run: Run, count: int = 3, name: str = "part.parquet") -> Path:
    """Write `count` profiles to a staged file."""
    path = lake.staging(run) / name
    lake.con.execute(f"COPY ({profiles(run, count)}) TO {literal(str(path))} (FORMAT parquet)")
    return path


def add_profiles(lake: Lake, run: Run, count: int = 3) -> list[Path]:
    """Stage `count` profiles and move them into the lake."""
    return lake.add_files(run, tables()["profiles"], [stage_profiles(lake, run, count)])


def one_commit(lake: Lake, count: int = 3) -> Run:
    """One published commit: `count` profiles, and the batch."""
    with lake.commit() as run:
        write_profiles(lake, run, count)
        note(lake, run)
    return run


def settings_of(folder: Path, text: str, **variables: str) -> Settings:
    """What a settings file with this text gives, beside these variables."""
    path = folder / "rapport.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, variables)


def files(home: Home, *folders: str) -> set[str]:
    """The files under the home, or under some of its folders, relative to the home."""
    found = (path for folder in folders or (".",) for path in (home.root / folder).rglob("*"))
    return {str(path.relative_to(home.root)) for path in found if path.is_file()}


def data_files(home: Home) -> set[str]:
    """The lake's Parquet files, relative to the home."""
    return {path for path in files(home, "lake/data") if path.endswith(".parquet")}


def referenced(lake: Lake) -> set[str]:
    """The data files that the catalog names, relative to the data path."""
    rows = lake.con.execute(
        "SELECT t.path || f.path FROM __ducklake_metadata_lake.ducklake_data_file AS f "
        "JOIN __ducklake_metadata_lake.ducklake_table AS t USING (table_id) WHERE f.path_is_relative"
    ).fetchall()
    return {f"lake/data/main/{path}" for (path,) in rows}


@contextmanager
def process(name: str, *arguments: object) -> Iterator["subprocess.Popen[str]"]:
    """A process that runs `tests.warehouse.processes NAME ARGUMENT…`; killed at the end if it still lives."""
    command = [sys.executable, "-m", "tests.warehouse.processes", name, *map(str, arguments)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def line(of: "subprocess.Popen[str]") -> str:
    """The next line of the process's output."""
    assert of.stdout is not None
    return of.stdout.readline().strip()
