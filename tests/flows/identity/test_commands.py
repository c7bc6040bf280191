"""`rapport identity ...` as it is typed."""

import getpass
import shutil
from pathlib import Path

import pytest

from flows.commands.identity_act import who
from tests.flows.cli import Answer, rapport
from warehouse import open_lake
from warehouse.home import Home
from warehouse.lake import open_writer

EMAIL, USER, LOYAL, OTHER = "email:one@example.com", "user_id:u1", "loyalty_id:77", "user_id:77"


@pytest.fixture
def copy(shop: str, tmp_path: Path) -> str:
    return str(shutil.copytree(shop, tmp_path / "copy"))


def identity(home: str, *arguments: str, columns: int = 160) -> Answer:
    return rapport("--home", home, "identity", *arguments, columns=columns)


def written(home: str) -> list[tuple[object, ...]]:
    with open_lake(home) as lake:
        found = lake.execute(
            "SELECT act, left_identifier, right_identifier, reason, acted_by FROM identity_acts ORDER BY acted_at"
        )
        return found.fetchall()


def test_show_tells_who_somebody_is(shop: str) -> None:
    (person,) = identity(shop, "show", "u1", "--json").object["customers"]
    assert [row["identifier"] for row in person["identifiers"]] == ["anonymous_id:a1", EMAIL, LOYAL, USER]
    assert person["health"]["busiest"] == USER
    assert (person["holds"], person["earlier_ids"], person["claims"]) == ([], [], [])
    answer = identity(shop, "show", "u1", columns=100)
    assert max(map(len, answer.out.splitlines())) <= 100
    for words in (f"Customer {person['customer_id']}", "Not held", f"4 identifiers, 3 links between them; {USER} has"):
        assert words in answer.out


def test_why_tells_the_chain_with_its_events(shop: str) -> None:
    found = identity(shop, "why", EMAIL, "a1", "--json").object
    assert found["is_one_customer"]
    assert [step["to_identifier"] for step in found["chain"]] == [USER, "anonymous_id:a1"]
    answer = identity(shop, "why", EMAIL, "a1")
    assert f"{EMAIL} and anonymous_id:a1 are one customer, {found['customer_id']}." in answer.out
    assert "identify of segment, 2024-03-01 10:01 (interaction " in answer.out


def test_why_tells_what_is_against_it(shop: str) -> None:
    answer = identity(shop, "why", OTHER, "a1")
    assert answer.code == 0
    assert answer.out == (
        f"{OTHER} and anonymous_id:a1 are not one customer.\n"
        f"Against it: no event, act or proposal ties {OTHER} to anonymous_id:a1, also not through others\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "nobody"], 1, "nobody is known by 'nobody'; give KIND:VALUE"),
        (["show", "77"], 1, f"'77' is 2 identifiers; name one of {LOYAL}, {OTHER}"),
        (["hold", "null"], 1, "'null' is a value that names nobody, and belongs to no customer"),
        (["release", "u1"], 1, f"{USER} is not held; `rapport --home "),
        (["unlink", "u1", USER], 2, f"both are the same identifier {USER}; name two"),
        (["link", "u1", "77"], 1, "'77' is 2 identifiers"),
        (["link", "u1", OTHER], 1, f"can't be one customer: it would hold {OTHER}, {USER} (user_id: at most 1)"),
        (["link", "u1", EMAIL, "--from", "2024-03-01T10:00"], 2, "--from '2024-03-01T10:00' is no whole UTC day"),
        (["link", "u1", EMAIL, "--to", "soon"], 2, "'soon' is not an ISO-8601 time"),
        (
            ["link", "u1", EMAIL, "--from", "2024-03-02", "--to", "2024-03-02"],
            2,
            "--to '2024-03-02' must be a later day than --from '2024-03-02'",
        ),
        (["link", "u1", OTHER, "--from", "2024-03-01"], 1, "the link would not hold, and nothing was written: "),
        (["review", "--approve", "p"], 1, "no proposal 'p' waits for review"),
        (["review", "--approve", "p", "--dismiss", "q"], 2, "--approve and --dismiss are two answers; give one"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_an_error_and_writes_nothing(arguments: list[str], code: int, words: str, shop: str) -> None:
    answer = identity(shop, *arguments)
    assert (answer.code, answer.out) == (code, "")
    assert words in answer.err
    assert written(shop) == []


def test_an_act_is_written_once_and_says_who_and_why(copy: str) -> None:
    said = identity(copy, "link", "u1", EMAIL, "--reason", "told by phone", "--by", "desk 4", "--json").object
    (row,) = said["acts"]
    assert (
        row.items() >= {"act": "link", "left_identifier": EMAIL, "right_identifier": USER, "acted_by": "desk 4"}.items()
    )
    assert said["customers"] == said["customers_before"]
    assert [each["basis"] for each in said["why"]["chain"][0]["evidence"]] == ["event", "act"]
    again = identity(copy, "link", EMAIL, "u1", "--by", "")
    assert "That was said before" in again.out
    assert written(copy) == [("link", EMAIL, USER, "told by phone", "desk 4")]
    shown = identity(copy, "why", "u1", EMAIL).out
    assert "link by desk 4, " in shown
    assert ": told by phone" in shown


@pytest.mark.long
def test_an_unlink_parts_and_a_link_joins_again(copy: str) -> None:
    parted = identity(copy, "unlink", "u1", "a1", "--reason", "shared laptop")
    assert "Unlinked user_id:u1 and anonymous_id:a1: no evidence links them until a later link." in parted.out
    assert f"{USER} and anonymous_id:a1 are not one customer." in parted.out
    assert "; it was " in parted.out
    assert ": shared laptop" in identity(copy, "why", "a1", "u1").out
    joined = identity(copy, "link", "a1", "u1", "--json").object
    ((mine,), (theirs,)) = joined["customers"].values()
    assert mine == theirs
    assert joined["run"]["know"]["total"] == 2


def test_nobody_is_named_where_that_is_asked_and_the_login_name_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "steward")
    assert [who(""), who(" desk 4 "), who(None)] == [None, "desk 4", "steward"]

    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert who(None) is None


def test_a_hold_waits_for_review_and_a_release_ends_it(copy: str) -> None:
    assert identity(copy, "review").out == "Nothing waits for review.\n"
    assert "Held the customer of email:one@example.com." in identity(copy, "hold", EMAIL, "--reason", "odd").out
    (held,) = identity(copy, "review", "--json").object["held"]
    assert held["identifier"] == EMAIL
    assert f"Customer {held['customer_id']}: Held through {EMAIL} since " in identity(copy, "review").out
    assert f"Held through {EMAIL} since " in identity(copy, "show", EMAIL).out
    assert identity(copy, "release", EMAIL).code == 0
    assert identity(copy, "review", "--json").object == {"proposals": [], "held": []}
    assert [row[:2] for row in written(copy)] == [("hold", EMAIL), ("release", EMAIL)]


def propose(home: str, probability: float) -> str:
    with open_writer(Home(Path(home))) as lake, lake.commit() as run:
        waterfall = '[{"comparison": "name", "level": "exact", "match_weight": 9.5}]'
        lake.con.execute(
            "INSERT INTO identity_proposals VALUES ('p', ?, ?, ?, 9.5, ?, '1', '2024-03-05', ?)",
            [EMAIL, OTHER, probability, waterfall, run.commit_seq],
        )
        again = "SELECT * REPLACE (? AS commit_seq, 'propose' AS stage, 'p' AS batch_id) FROM batches LIMIT 1"
        lake.con.execute(f"INSERT INTO batches BY NAME {again}", [run.commit_seq])
    return "p"


def test_a_proposal_that_is_dismissed_waits_no_more(copy: str) -> None:
    proposal = propose(copy, 0.95)
    shown = identity(copy, "review").out
    assert "  p: name exact +9.5\n" in shown
    answer = identity(copy, "review", "--dismiss", proposal)
    assert f"Unlinked {EMAIL} and {OTHER}: no evidence links them until a later link." in answer.out
    assert f"{OTHER} is customer " in answer.out
    assert "were unlinked at " in answer.out
    ((act, *_, reason, _),) = written(copy)
    assert (act, reason) == ("unlink", "proposal p, probability 0.950000")
    assert identity(copy, "review", "--json").object["proposals"] == []
    (shown,) = rapport("--home", copy, "access", EMAIL, "--json").object["inferred"]["identity_acts"]
    assert (shown["left_identifier"], shown["right_identifier"]) == (EMAIL, "user_id:(another person)")
    assert "acted_by" not in shown
