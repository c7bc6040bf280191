import stat
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lakes import memory_lake
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.suppression import digest, digest_sql, key_path, read_key, secret, suppression_list


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_the_key_is_made_once_and_is_its_owners_alone(home: Home) -> None:
    found = secret(home)
    assert len(bytes.fromhex(found)) == 32
    assert secret(home) == found == read_key(key_path(home))
    assert stat.S_IMODE(key_path(home).stat().st_mode) == 0o600
    assert [path.name for path in home.root.iterdir()] == [key_path(home).name]


def test_two_homes_have_two_keys(tmp_path: Path) -> None:
    homes = [Home(tmp_path / name) for name in "ab"]
    for home in homes:
        home.root.mkdir()
    assert secret(homes[0]) != secret(homes[1])


@pytest.mark.parametrize("content", [None, "", "zz" * 32, "ab" * 31])
def test_a_missing_or_damaged_key_is_told_and_not_replaced(home: Home, content: str | None) -> None:
    if content is not None:
        key_path(home).write_text(content)
    with pytest.raises(RapportError, match=r"suppression\.key .* is missing or damaged.*; put it back"):
        read_key(key_path(home))


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20))
def test_the_digest_is_the_same_in_sql_and_in_python(value: str) -> None:
    key = "ab" * 32
    sql = f"SELECT {digest_sql('$value::VARCHAR', '$secret')}"
    (found,) = duckdb.execute(sql, {"value": value, "secret": key}).fetchall()[0]
    assert found == digest(key, value)


def test_digests_differ_with_the_value_and_with_the_key() -> None:
    found = {digest(key, value) for key in ("ab" * 32, "cd" * 32) for value in ("email:a", "email:b", "")}
    assert len(found) == 6
    assert all(len(bytes.fromhex(text)) == 32 for text in found)


def test_a_value_that_is_unknown_has_no_digest() -> None:
    (found,) = duckdb.execute(f"SELECT {digest_sql('NULL::VARCHAR', '$secret')}", {"secret": "x"}).fetchall()[0]
    assert found is None


def test_without_suppressions_nothing_is_written_and_no_key_is_asked_for(home: Home) -> None:
    target = home.root / "list.parquet"
    assert suppression_list(memory_lake(), home, target) is None
    assert not target.exists()


def test_the_list_holds_the_digests_and_the_place_of_the_key_but_not_the_key(home: Home) -> None:
    con, target = memory_lake(), home.root / "list.parquet"
    con.execute("INSERT INTO suppressions VALUES ('s1', 'identifier', 'abc', TIMESTAMPTZ '2024-01-02', 1)")
    with pytest.raises(RapportError, match="is missing"):
        suppression_list(con, home, target)
    key = secret(home)
    found = suppression_list(con, home, target)
    assert found is not None
    assert (found.key, key in repr(found)) == (key_path(home), False)
    assert pq.read_table(found.digests).select(["kind", "digest"]).to_pylist() == [
        {"kind": "identifier", "digest": "abc"}
    ]
    assert key.encode() not in target.read_bytes()
