"""Laws 2 and 3 on real data: the Complete Journey, a year of a shop (84.51 degrees, CC0)."""

import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from random import Random

import duckdb
import pytest

from flows.demo.prepare import data_folder, prepare
from flows.rebuild import rebuild
from schemas.table import literal
from tests.laws.states import State, assert_conserved, differences, held, one, rows
from tests.laws.worlds import new_home, run
from warehouse.errors import RapportError
from warehouse.home import Home

AS_OF = "2018-01-02"
EQUAL = ("interactions", "orders", "daily_activity", "identities", "profiles")


@pytest.fixture(scope="module")
def data() -> Path:
    """The Parquet files of the data, where they are installed."""
    try:
        return data_folder()
    except RapportError as problem:
        pytest.skip(str(problem))


def pos_file(folder: Path, name: str) -> Path:
    """Where a file of the till's rows goes in an inbox."""
    path = folder / "table" / "pos" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def prepared_for_pos(home: Home) -> None:
    home.prepare()
    mapping = resources.files("flows.demo").joinpath("pos.toml").read_text(encoding="utf-8")
    (home.mappings / "pos.toml").write_text(mapping, encoding="utf-8")
    home.settings_file.write_text('currency = "USD"\n', encoding="utf-8")


def write_rows(data: Path, target: Path, where: str, order: str) -> None:
    """The till's rows of the first 200 baskets for which `where` holds, in the order `order`."""
    transactions, products = (literal(str(data / f"{name}.parquet")) for name in ("transactions", "products"))
    with duckdb.connect() as con:
        con.execute(f"""
            COPY (
                SELECT t.*, p.product_category, p.department
                FROM read_parquet({transactions}) AS t
                LEFT JOIN read_parquet({products}) AS p USING (product_id)
                WHERE basket_id IN (
                    SELECT DISTINCT basket_id
                    FROM read_parquet({transactions})
                    ORDER BY sha256(basket_id::VARCHAR)
                    LIMIT 200
                )
                AND {where}
                ORDER BY {order}
            ) TO {literal(str(target))} (FORMAT parquet)
        """)


def test_two_hundred_baskets_are_the_same_however_often_and_however_split_they_come(data: Path) -> None:
    in_order, mixed = (
        "transaction_timestamp, basket_id, product_id",
        "sha256(basket_id::VARCHAR || product_id::VARCHAR)",
    )
    parts = [f"hash(basket_id::VARCHAR || product_id::VARCHAR) % 2 = {part}" for part in range(2)]
    with new_home() as home, new_home() as apart:
        for each in (home, apart):
            prepared_for_pos(each)
        write_rows(data, pos_file(home.inbox, "all.parquet"), "TRUE", in_order)
        report = run(home, AS_OF)
        figures = "SELECT COUNT(*), COUNT(DISTINCT order_id), SUM(amount)::DECIMAL(18,2) FROM interactions"
        assert rows(home, figures) == [
            (report.counts.loaded, 200, one(home, "SELECT SUM(amount)::DECIMAL(18,2) FROM orders"))
        ]
        with held(home) as first:
            for number, part in enumerate(parts):
                write_rows(data, pos_file(home.inbox, f"{number}.parquet"), part, mixed)
                write_rows(data, pos_file(apart.inbox, f"{number}.parquet"), part, mixed)
                run(apart, AS_OF)
            assert run(home, AS_OF).counts.duplicate == report.counts.loaded
            for each in (home, apart):
                assert_conserved(each)
                with held(each) as state:
                    assert differences(first, state) == {}


@pytest.fixture(scope="module")
def files(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in whose inbox the demo's files lie, as the demo makes them."""
    assert data.is_dir()
    home = Home(tmp_path_factory.mktemp("demo"))
    prepare(home, lambda _: None)
    return home


@pytest.fixture(scope="module")
def once(files: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that has ingested all of it once."""
    home = home_like(files, tmp_path_factory.mktemp("once"))
    take(home, files.inbox)
    run(home, AS_OF)
    return home


@pytest.fixture(scope="module")
def first(once: Home) -> Iterator[State]:
    """The state after the first time."""
    with held(once) as state:
        yield state


@pytest.fixture(scope="module")
def shuffled(files: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same records in shuffled order, split differently: baskets stay whole."""
    folder = tmp_path_factory.mktemp("shuffled")
    for path in sorted(path for path in files.inbox.rglob("*") if path.is_file()):
        target = folder / path.relative_to(files.inbox)
        target.parent.mkdir(parents=True, exist_ok=True)
        shuffle_rows(path, target) if path.suffix == ".parquet" else shuffle_lines(path, target)
    return folder


@pytest.mark.long
def test_the_figures_are_those_of_the_data(once: Home) -> None:
    lines = """
        SELECT COUNT(*), COUNT(DISTINCT order_id), COUNT(DISTINCT anchor), SUM(amount)::DECIMAL(18,2)::VARCHAR
        FROM interactions
        WHERE channel = 'pos' AND event_name = 'order_completed'
    """
    assert rows(once, lines) == [(1_469_307, 155_848, 2_469, "4596039.58")]
    assert one(once, "SELECT COUNT(*) FROM orders WHERE channel = 'pos'") == 155_848
    assert one(once, "SELECT COUNT(*) FROM outcomes WHERE event_name = 'coupon_redeemed'") == 2_102
    assert_conserved(once)


@pytest.mark.long
def test_the_second_time_shuffled_and_split_and_the_third_time_change_nothing(
    once: Home, first: State, files: Home, shuffled: Path
) -> None:
    for inbox in (shuffled, files.inbox):
        take(once, inbox)
        counts = run(once, AS_OF).counts
        assert counts.loaded == 0
        assert counts.duplicate > 1_469_307
        assert_conserved(once)
        with held(once) as state:
            assert differences(first, state, EQUAL) == {}


@pytest.mark.long
def test_shuffled_and_split_into_runs_from_the_start_gives_the_same(
    files: Home, first: State, shuffled: Path, tmp_path: Path
) -> None:
    home = home_like(files, tmp_path / "home")
    paths = sorted(path for path in shuffled.rglob("*") if path.is_file())
    for number in range(3):
        take(home, shuffled, paths[number::3])
        run(home, AS_OF)
    assert_conserved(home)
    with held(home) as state:
        assert differences(first, state, EQUAL) == {}


@pytest.mark.long
def test_a_rebuild_of_all_of_it_finds_no_difference(once: Home) -> None:
    report = rebuild(once, lambda _: None)
    assert report.differences == {}
    assert report.received > 1_469_307
    assert_conserved(once)
    assert run(once, AS_OF).is_idle


def home_like(other: Home, root: Path) -> Home:
    """An empty home with the settings, mappings and offers of another."""
    home = Home(root)
    home.prepare()
    shutil.copy(other.settings_file, home.settings_file)
    shutil.copytree(other.mappings, home.mappings, dirs_exist_ok=True)
    shutil.copytree(other.offers, home.offers, dirs_exist_ok=True)
    return home


def take(home: Home, folder: Path, paths: list[Path] | None = None) -> None:
    """Put files laid out like an inbox into the inbox."""
    for path in paths if paths is not None else folder.rglob("*"):
        if path.is_file():
            target = home.inbox / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(path)


def shuffle_rows(path: Path, target: Path, parts: int = 4) -> None:
    """Split a file of rows into `parts` of shuffled rows; rows of one basket stay together."""
    with duckdb.connect(config={"memory_limit": "1GB"}) as con:
        scan = f"read_parquet({literal(str(path))}, file_row_number = TRUE)"
        columns = [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()]
        whole = "basket_id" if "basket_id" in columns else "file_row_number"
        for part in range(parts):
            name = literal(str(target.with_stem(f"{target.stem}-{part}")))
            con.execute(f"""
                COPY (
                    SELECT * EXCLUDE (file_row_number)
                    FROM {scan}
                    WHERE hash({whole}::VARCHAR) % {parts} = {part}
                    ORDER BY hash(file_row_number)
                ) TO {name} (FORMAT parquet)
            """)


def shuffle_lines(path: Path, target: Path, parts: int = 3) -> None:
    """Split a file of lines into `parts` of shuffled lines."""
    lines = path.read_bytes().splitlines()
    Random(1).shuffle(lines)
    for part in range(parts):
        target.with_stem(f"{target.stem}-{part}").write_bytes(b"".join(line + b"\n" for line in lines[part::parts]))
