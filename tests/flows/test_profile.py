import shutil

import pytest

from flows.commands.profile import _evidence
from flows.customer import EVIDENCE_LIMIT
from pipelines.know.traits import traits
from tests.flows.cli import Answer, rapport


def profile(home: str, *arguments: str, columns: int = 160) -> Answer:
    return rapport("--home", home, "profile", *arguments, columns=columns)


@pytest.mark.parametrize("name", ["user_id:u1", "u1", "email: One@Example.com", "one@example.com", "anonymous_id:a1"])
def test_a_customer_is_found_by_every_name(name: str, shop: str) -> None:
    found = profile(shop, name, "--json").object
    assert found["identifiers"][-1] == "user_id:u1"
    assert profile(shop, found["customer_id"], "--json").object["customer_id"] == found["customer_id"]


def test_a_profile_has_traits_with_evidence_timeline_and_decisions_with_reasons(shop: str) -> None:
    found = profile(shop, "u1", "--json").object
    assert [trait["trait"] for trait in found["traits"]] == list(traits())
    by_name = {trait["trait"]: trait for trait in found["traits"]}
    assert by_name["monetary"]["values"]["monetary_total"] == 12.5
    assert by_name["monetary"]["evidence"][0]["table_name"] == "orders"
    assert by_name["channel_counts"]["values"]["channel_counts"] == {"web": 3}
    assert [row["occurred_at"] for row in found["timeline"]] == [
        "2024-03-02T10:00:00Z",
        "2024-03-01T10:01:00Z",
        "2024-03-01T10:00:00Z",
    ]
    (decision,) = found["decisions"]
    assert decision["decided_as_of"] == found["as_of"] == "2024-03-05T00:00:00Z"
    assert decision["reason"]
    assert decision["explanation"]["chosen"]
    assert decision["explanation"]["gates"]


@pytest.mark.parametrize("columns", [80, 160])
def test_a_profile_is_readable_at_any_width(columns: int, shop: str) -> None:
    answer = profile(shop, "user_id:u1", columns=columns)
    lines = answer.out.splitlines()
    assert (answer.code, answer.err) == (0, "")
    assert max(map(len, lines)) <= columns
    assert "Known by anonymous_id:a1, email:one@example.com" in lines[1]
    for words in ("  trait ", "monetary_total            12.50", "Latest interactions", "  Gates closed for:"):
        assert words in answer.out
    assert "Decision as of 2024-03-05: " in answer.out
    assert "tea [/red]" in answer.out.lower()
    assert "\x1b" not in answer.out


def test_a_bare_value_of_two_customers_ends_with_the_candidates(shop: str) -> None:
    answer = profile(shop, "77")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == "rapport: '77' belongs to 2 customers; name one of loyalty_id:77, user_id:77\n"
    assert profile(shop, "loyalty_id:77", "--json").object != profile(shop, "user_id:77", "--json").object


@pytest.mark.parametrize("name", ["nobody", "", ":", "a:b:c", "'; DROP TABLE profiles; --", "\x1b[31m", "%", "[/red]"])
def test_a_name_that_nobody_has_says_the_mend(name: str, shop: str) -> None:
    answer = profile(shop, name)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("rapport: nobody is known by '")
    assert "give KIND:VALUE" in answer.err
    assert "\x1b" not in answer.err


def test_a_customer_who_is_not_profiled_yet_is_told(shop: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    copy = str(shutil.copytree(shop, tmp_path_factory.mktemp("early") / "home"))
    assert rapport("--home", copy, "run", "--as-of", "2024-01-01").code == 0
    answer = profile(copy, "u1")
    assert answer.code == 1
    assert f"is known but has no profile yet; type `rapport --home {copy} run`" in answer.err


def test_only_decisions_up_to_the_profile_are_shown_and_earlier_ones_briefly(
    shop: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = str(shutil.copytree(shop, tmp_path_factory.mktemp("later") / "home"))
    for as_of in ("2024-06-01", "2024-09-01", "2024-07-01"):
        assert rapport("--home", copy, "run", "--as-of", as_of).code == 0
    decided = [row["decided_as_of"][:10] for row in profile(copy, "u1", "--json").object["decisions"]]
    assert decided == ["2024-07-01", "2024-06-01", "2024-03-05"]
    shown = profile(copy, "u1").out
    assert "Decision as of 2024-07-01: " in shown
    assert "Earlier decisions\n  as of 2024-06-01: " in shown


def test_long_evidence_and_many_gates_are_cut_and_say_so() -> None:
    row = {"table_name": "orders", "row_key": "pos/1"}
    assert _evidence([]) == ""
    assert _evidence([row]) == "orders pos/1"
    assert _evidence([row] * 3) == "orders pos/1 and 2 more"
    assert _evidence([row] * EVIDENCE_LIMIT) == "orders pos/1 and many more"
