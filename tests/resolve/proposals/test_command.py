import json
from pathlib import Path

import pytest

from tests.flows.cli import rapport

ANN = {"firstName": "Ann", "lastName": "Velora", "birthday": "1980-04-02", "street": "Hill Road 4", "city": "Galdor"}


def identify(number: int, identifier: dict[str, str], traits: dict[str, str]) -> str:
    at = f"2024-03-0{number}T10:00:00Z"
    return json.dumps({"type": "identify", "messageId": f"m{number}", "timestamp": at, "traits": traits, **identifier})


@pytest.fixture
def home(tmp_path: Path) -> str:
    """A home with three customers, of whom two say the same, under a user id and before they had one."""
    calls = [
        identify(1, {"userId": "u1"}, ANN),
        identify(2, {"anonymousId": "a1"}, {**ANN, "birthday": "2.4.1980"}),
        identify(3, {"userId": "u2"}, {**ANN, "firstName": "Peter", "birthday": "1955-12-30"}),
    ]
    inbox = tmp_path / "landing" / "inbox" / "segment"
    rapport("--home", str(tmp_path), "init")
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / "calls.ndjson").write_text("\n".join(calls) + "\n", encoding="utf-8")
    assert rapport("--home", str(tmp_path), "run", "--as-of", "2024-04-01").code == 0
    return str(tmp_path)


def customers(home: str) -> dict[str, str]:
    found = rapport("--home", home, "sql", "SELECT identifier, customer_id FROM current_identities", "--format", "json")
    return {row["identifier"]: row["customer_id"] for row in json.loads(found.out)}


def test_proposals_become_links_at_the_next_run(home: str) -> None:
    train = ("identity", "propose", "--train", "--as-of", "2024-04-01")
    first = rapport("--home", home, *train, "--json").object
    assert (first["is_trained"], first["model"]) == (True, None)
    assert (first["proposals"]["accepted"], first["proposals"]["waiting"]) == (1, 0)
    before = customers(home)
    assert len(set(before.values())) == 3
    assert rapport("--home", home, "run", "--as-of", "2024-04-01").code == 0
    after = customers(home)
    assert after["user_id:u1"] == after["anonymous_id:a1"] == before["user_id:u1"] != after["user_id:u2"]
    second = rapport("--home", home, *train).out
    assert "Too few people" in second
    assert "0 proposals are new" in second
    assert "Nothing has changed" in rapport("--home", home, "identity", "propose").out


def test_the_command_says_what_it_cannot_do(tmp_path: Path) -> None:
    rapport("--home", str(tmp_path), "init")
    assert rapport("--home", str(tmp_path), "identity", "propose", "--as-of", "2024-04-01").code == 2
    answer = rapport("--home", str(tmp_path), "identity", "propose")
    assert answer.code == 1
    assert "there are no customers to compare" in answer.err
