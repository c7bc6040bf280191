"""`rapport profile --as-of --known-at`, `profiles_asof` and `rapport refresh`, as they are typed."""

import json
import shutil
from typing import Any

import pytest

from tests.flows.cli import Answer, rapport
from warehouse import open_lake

LATER = {
    "type": "track",
    "messageId": "m9",
    "event": "Order Completed",
    "userId": "u1",
    "timestamp": "2024-03-01T12:00:00Z",
    "properties": {"order_id": "o9", "revenue": 7.5, "currency": "EUR"},
}
NEW = {"type": "page", "messageId": "m8", "userId": "u8", "timestamp": "2024-03-02T12:00:00Z"}


def values(answer: Answer) -> dict[str, Any]:
    return {name: value for trait in answer.object["traits"] for name, value in trait["values"].items()}


def instant(home: str, commit_seq: int) -> str:
    with open_lake(home) as lake:
        ((found,),) = lake.execute(
            "SELECT strftime(MIN(started_at), '%Y-%m-%dT%H:%M:%S.%fZ') FROM batches WHERE commit_seq = ?", [commit_seq]
        ).fetchall()
    return str(found)


@pytest.fixture(scope="module")
def home(shop: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The shop after a second run with a late order and somebody new."""
    folder = tmp_path_factory.mktemp("past")
    found = str(shutil.copytree(shop, folder / "home"))
    late = folder / "late.jsonl"
    late.write_text("".join(json.dumps(event) + "\n" for event in (LATER, NEW)), encoding="utf-8")
    assert rapport("--home", found, "ingest", "segment", str(late)).code == 0
    assert rapport("--home", found, "run", "--as-of", "2024-03-05").code == 0
    return found


def test_a_profile_is_shown_as_it_was_known_before_late_events_came(shop: str, home: str) -> None:
    before = rapport("--home", shop, "profile", "u1", "--json")
    known_at = instant(home, 2)
    past = rapport("--home", home, "profile", "u1", "--known-at", known_at, "--json")
    assert values(past) == values(before)
    assert past.object["as_of"] == before.object["as_of"]
    assert past.object["timeline"] == before.object["timeline"]
    assert [row["decision_id"] for row in past.object["decisions"]] == [
        row["decision_id"] for row in before.object["decisions"]
    ]
    assert past.object["known_at"] == known_at
    assert values(rapport("--home", home, "profile", "u1", "--json"))["monetary_total"] == 20
    assert rapport("--home", home, "profile", "u1", "--json").object["known_at"] is None


def test_a_profile_is_shown_as_of_an_earlier_day(home: str) -> None:
    found = values(rapport("--home", home, "profile", "u1", "--as-of", "2024-03-02", "--json"))
    assert (found["monetary_total"], found["recency_days"], found["order_count"]) == (20, 0, 2)
    assert found["last_seen_at"] == "2024-03-01T12:00:00Z"


def test_the_card_says_as_of_when_and_since_when_it_was_known(home: str) -> None:
    answer = rapport("--home", home, "profile", "u1", "--as-of", "2024-03-04", "--known-at", instant(home, 2))
    assert (answer.code, answer.err) == (0, "")
    first = answer.out.splitlines()[0]
    assert ", as of 2024-03-04, as it was known at " in first
    assert instant(home, 2)[:10] in first
    assert "monetary_total            12.50" in answer.out


def test_who_was_not_known_then_and_what_was_not_known_then_is_an_error(home: str) -> None:
    then = instant(home, 2)
    unknown = rapport("--home", home, "profile", "u8", "--known-at", then)
    assert (unknown.code, unknown.out) == (1, "")
    assert "'u8' was not known at " in unknown.err
    early = rapport("--home", home, "profile", "u1", "--as-of", "2024-02-01")
    assert early.code == 1
    assert "nothing that 'u1' did before 2024-02-01 was known then" in early.err
    assert "nobody was profiled" in rapport("--home", home, "profile", "u1", "--known-at", "2000-01-01").err
    assert "nobody is known by 'nobody'" in rapport("--home", home, "profile", "nobody", "--as-of", "2024-03-04").err


@pytest.mark.parametrize("option", [("--as-of", "2024-03-01T10:00:00Z"), ("--as-of", "soon"), ("--known-at", "soon")])
def test_a_wrong_time_is_wrong_usage(option: tuple[str, str], home: str) -> None:
    answer = rapport("--home", home, "profile", "u1", *option)
    assert (answer.code, answer.out) == (2, "")


def test_the_query_over_all_answers_as_of_any_time(home: str) -> None:
    query = f"SELECT monetary_total FROM profiles_asof('2024-03-05', '{instant(home, 2)}') WHERE order_count > 0"
    assert rapport("--home", home, "sql", query, "--json").object["rows"] == [{"monetary_total": 12.5}]
    with open_lake(home) as lake:
        then = lake.execute("SELECT * EXCLUDE (as_of) FROM profiles_asof('2024-03-05', now()) ORDER BY 1").fetchall()
        assert then == lake.execute("SELECT * EXCLUDE (as_of, commit_seq) FROM profiles ORDER BY 1").fetchall()
    wrong = rapport("--home", home, "sql", "FROM profiles_asof('2024-03-05 10:00', now())")
    assert wrong.code == 2
    assert "valid_at must be a UTC midnight" in wrong.err


def test_refresh_does_what_time_asks_and_a_second_one_nothing(
    home: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    one, other = (str(shutil.copytree(home, tmp_path_factory.mktemp("time") / "home")) for _ in range(2))
    refreshed = rapport("--home", one, "refresh", "--as-of", "2024-04-20", "--json").object
    assert refreshed["know"] == {"recomputed": 1, "changed": 1, "total": 3}
    assert rapport("--home", other, "run", "--as-of", "2024-04-20", "--json").object["know"] == refreshed["know"]
    for table in ("profiles", "channel_preferences", "interests", "profile_history"):
        query = ["sql", f"FROM {table} ORDER BY ALL", "--json"]
        assert rapport("--home", one, *query).object == rapport("--home", other, *query).object
    assert rapport("--home", one, "refresh", "--as-of", "2024-04-20", "--json").object["is_idle"]
    assert "Nothing new" in rapport("--home", one, "refresh", "--as-of", "2024-04-20").out
    assert rapport("--home", one, "refresh", "--as-of", "noon").code == 2
