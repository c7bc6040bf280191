from flows.identity.review import waiting
from tests.flows.identity.lakes import SETTINGS, act, lake, propose

U, A, B, C, D, E = ("user_id:u", *(f"email:{name}" for name in "abcde"))


def test_proposals_between_the_thresholds_wait_until_somebody_or_something_decides() -> None:
    con = lake(one=[U, E], two=[A], three=[B], four=[C], five=[D])
    second = propose(con, U, A, 0.95)
    first = propose(con, U, B, 0.99)
    propose(con, U, C, 0.5)
    propose(con, U, D, 0.9995)
    propose(con, U, E, 0.95)
    propose(con, A, "email:gone", 0.95)
    propose(con, A, B, 0.95)
    act(con, "unlink", B, A)
    found = waiting(con, SETTINGS)
    assert [row["proposal_id"] for row in found.proposals] == [first, second]
    assert found.proposals[0]["waterfall"][0]["comparison"] == "name"
    assert found.held == []


def test_the_newest_models_proposal_counts() -> None:
    con = lake(one=[U], two=[A])
    propose(con, U, A, 0.95, model="2")
    propose(con, U, A, 0.3, model="10")
    assert waiting(con, SETTINGS).proposals == []


def test_a_customer_is_held_until_it_is_released() -> None:
    con = lake(one=[U, A], two=[B])
    act(con, "hold", A, days=1)
    act(con, "hold", B, days=2)
    act(con, "release", B, days=3)
    (row,) = waiting(con, SETTINGS).held
    assert row.items() >= {"basis": "act", "customer_id": "one", "identifier": A, "identifier_count": 2}.items()
