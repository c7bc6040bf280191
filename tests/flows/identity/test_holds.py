from flows.identity.apart import obstacle_on
from flows.identity.holds import find_holds
from flows.identity.show import show
from flows.identity.subjects import HOLD, LINK, RELEASE, subjects_of
from flows.identity.ties import ties_of
from flows.identity.why import places_of
from tests.flows.identity.lakes import act, lake, propose, tie
from warehouse.identity_settings import IdentitySettings

U, V = "user_id:u", "user_id:v"
MAILS = [f"email:m{number}" for number in range(6)]
SMALL = IdentitySettings(degree_limit=3, size_limit=4)


def test_a_component_over_the_size_limit_is_held_whatever_it_is_now() -> None:
    con = lake(one=[U, MAILS[0]], two=[MAILS[1], MAILS[2]], three=[MAILS[3]], far=[V, MAILS[4]])
    for left, right in zip([U, *MAILS[:3]], MAILS[:4], strict=True):
        tie(con, left, right)
    tie(con, V, MAILS[4])
    (row,) = find_holds(con, SMALL).listed()
    assert row.items() >= {"basis": "size", "customer_id": "one", "identifier": U, "identifier_count": 5}.items()
    assert [hold["basis"] for hold in show(con, SMALL, MAILS[3])[0].holds] == ["size"]
    assert show(con, SMALL, V)[0].holds == []
    assert subjects_of(con, SMALL, RELEASE, [MAILS[3]]) == [(MAILS[3], None)]
    act(con, "release", MAILS[3])
    assert find_holds(con, SMALL).listed() == []


def test_only_what_stands_makes_a_component_large() -> None:
    con = lake(one=[U], two=[MAILS[0]], three=[MAILS[1]], four=[MAILS[2]], five=[MAILS[3]])
    tie(con, U, MAILS[0])
    act(con, "link", MAILS[0], MAILS[1])
    propose(con, MAILS[1], MAILS[2], 0.9999)
    propose(con, MAILS[2], MAILS[3], 0.95)
    assert find_holds(con, SMALL).listed() == []
    act(con, "link", MAILS[2], MAILS[3], days=1)
    assert [row["identifier_count"] for row in find_holds(con, SMALL).listed()] == [5]
    act(con, "unlink", U, MAILS[0], days=2)
    assert find_holds(con, SMALL).listed() == []


def test_an_identifier_of_too_many_links_is_held_until_it_is_released_or_has_fewer() -> None:
    con = lake(tablet=["device_id:d"], **{f"c{number}": [mail] for number, mail in enumerate(MAILS)})
    for mail in MAILS[:4]:
        tie(con, "device_id:d", mail)
        tie(con, "device_id:d", mail, days=1)
    (row,) = find_holds(con, SMALL).listed()
    assert row.items() >= {"basis": "degree", "customer_id": "tablet", "identifier_count": 4}.items()
    assert subjects_of(con, SMALL, RELEASE, ["device_id:d"]) == [("device_id:d", None)]
    act(con, "unlink", "device_id:d", MAILS[0])
    assert find_holds(con, SMALL).rows == []


def test_a_hold_is_about_one_identifier_and_a_link_about_a_pair_in_order() -> None:
    con = lake(one=[U], two=[MAILS[0]])
    assert subjects_of(con, SMALL, HOLD, [U]) == [(U, None)]
    assert subjects_of(con, SMALL, LINK, [U, MAILS[0]]) == [(MAILS[0], U)]


def test_a_refusal_that_nothing_of_today_explains_says_that_much() -> None:
    con = lake(one=[U], two=[MAILS[0]])
    tie(con, U, MAILS[0])
    (found,) = ties_of(con, [U])
    obstacle = obstacle_on(con, SMALL, found, places_of(con, [U, MAILS[0]]))
    assert (obstacle.kind, obstacle.sentence) == ("refused", f"the link of {MAILS[0]} and {U} was refused")
