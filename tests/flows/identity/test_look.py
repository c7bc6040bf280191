from dataclasses import replace
from typing import Any

import pytest

from flows.commands.identity_act import tell_act
from flows.commands.identity_look import _tell_person, tell_why
from flows.commands.identity_review import _tell
from flows.identity.acts import ActReport
from flows.identity.review import waiting
from flows.identity.show import show
from flows.identity.why import why
from flows.progress import Counts
from flows.work import RunReport
from tests.flows.identity.lakes import AT, SETTINGS, act, belong, lake, propose, tie
from warehouse.identity_settings import IdentitySettings

U, A, E = "user_id:u", "anonymous_id:a", "email:e@shop.example"


def test_a_person_is_told_with_earlier_ids_claims_holds_and_bridges(capsys: pytest.CaptureFixture[str]) -> None:
    mails = [f"email:m{number:02}" for number in range(12)]
    con = lake(one=[U, *mails])
    belong(con, "tablet", A, relation="own")
    belong(con, "old", U, known_to=AT)
    for mail in mails:
        tie(con, U, mail)
    tie(con, U, A)
    _tell_person(show(con, IdentitySettings(degree_limit=3, size_limit=9), U)[0])
    _tell_person(show(con, SETTINGS, A)[0])
    told = capsys.readouterr().out
    for words in (
        "Earlier id old, known from 2024-03-01 00:00 to 2024-03-01 00:00",
        "user_id:u links nothing, as it has links to 13 others",
        "hangs by one link: email:m09 - user_id:u",
        "and by 2 more; --json has all",
        "Shared: customers one are tied to it, too",
    ):
        assert words in told


def test_a_size_is_told_where_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    con = lake(one=[U, E, A])
    tie(con, U, E)
    tie(con, U, A)
    _tell(waiting(con, IdentitySettings(size_limit=2)))
    told = capsys.readouterr().out
    assert told == "Customer one: Held for its size: 3 identifiers hang together around user_id:u\n"


def test_acts_and_proposals_are_told_as_sentences(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")  # a row of the table is one line
    con = lake(one=[U, E, A])
    act(con, "link", U, E, valid_from=AT)
    propose(con, E, A, 0.99951)
    tell_why(why(con, SETTINGS, U, A))
    told = capsys.readouterr().out
    assert "link by ann, 2024-03-01 00:00, from 2024-03-01 (act " in told
    assert ": a reason" in told
    assert "proposed by model 1, probability 0.9995 (proposal " in told


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("unlink", "They still are one customer through others: unlink where that chain is wrong, too."),
        ("link", "Took the days back on which user_id:u and email:e@shop.example were one customer"),
    ],
)
def test_an_unlink_tells_what_is_left(written: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    con = lake(one=[U, E])
    tie(con, U, E)
    run = RunReport(True, AT, None, 0, Counts(), None, None, None)
    row: dict[str, Any] = {"act": written}
    report = ActReport([row], {U: ["one"], E: []}, {U: ["one"], E: ["one"]}, why(con, SETTINGS, U, E), run)
    tell_act(report, "unlink")
    told = " ".join(capsys.readouterr().out.split())
    assert words in told
    assert f"{E} is customer one; it was nobody" in told
    tell_act(replace(report, acts=[], why=None), "unlink")
    assert "That was said before" in capsys.readouterr().out
