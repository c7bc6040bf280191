"""What several events of a message say together: a machine's doings, exactly, and what follows from them."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipelines.keep.keep import take_back
from pipelines.keep.machines import MACHINES
from pipelines.keep.rollup import recompute, rests_on
from pipelines.keep.rollups import rollups
from pipelines.keep.window import differences
from schemas.engagement import EVERY_LINK, LINK, ONE_AGENT
from tests.keep.rows import AT, SETTINGS, Row, cells, event, recomputed, rolled_up, run_of, step
from tests.lakes import memory_lake
from warehouse.errors import RapportError
from warehouse.settings import MachineSettings, Settings

SWEEP, RACE = SETTINGS.machines.delivery_seconds, SETTINGS.machines.agent_seconds
HUMAN, ROBOT = "Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (compatible)"


def sign(id: str, name: str, seconds: float, link: str = "", agent: str = "", **said: Any) -> Row:
    """An event of the message k, so many seconds after its delivery."""
    told = {"url": link, "useragent": agent} if link or agent else {}
    return event(
        id,
        **{
            "event_name": f"email_{name}",
            "channel": "email",
            "contact_id": "k",
            "occurred_at": AT + timedelta(seconds=seconds),
            "properties": json.dumps(told),
            **said,
        },
    )


DELIVERED = sign("d", "delivered", 0)
SCAN = [
    sign("o", "opened", 1),
    sign("c1", "clicked", 2, "https://shop.example/1"),
    sign("c2", "clicked", 3, "https://shop.example/2"),
]


def marked(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(con.execute(f"SELECT interaction_id, rule FROM {MACHINES} ORDER BY ALL").fetchall())


def after(*steps: list[Row], given_settings: Settings = SETTINGS) -> duckdb.DuckDBPyConnection:
    con = memory_lake()
    for commit_seq, rows in enumerate(steps, start=1):
        step(con, rows, settings=given_settings, commit_seq=commit_seq)
    return con


class TestEveryLink:
    def test_who_follows_several_links_within_seconds_of_delivery_is_a_machine(self) -> None:
        assert marked(after([DELIVERED, *SCAN])) == dict.fromkeys(("o", "c1", "c2"), EVERY_LINK)

    def test_the_answer_of_a_person_who_comes_later_counts(self) -> None:
        clicked = sign("h", "clicked", 3600, "https://shop.example/1")
        con = after([DELIVERED, *SCAN, clicked])
        assert "h" not in marked(con)
        assert cells(con, "contacts", "opened_at", "responded_at") == [(None, AT + timedelta(hours=1))]

    def test_one_link_twice_in_haste_is_a_person_s(self) -> None:
        assert marked(after([DELIVERED, SCAN[1], sign("c2", "clicked", 3, "https://shop.example/1")])) == {}

    def test_several_links_after_a_while_are_a_person_s(self) -> None:
        late = [sign(row["event_id"], "clicked", 60 + n, f"l{n}") for n, row in enumerate(SCAN)]
        assert marked(after([DELIVERED, *late])) == {}

    def test_links_followed_before_the_delivery_is_told_are_a_machine_s_too(self) -> None:
        early = [sign(f"c{n}", "clicked", -n, f"l{n}") for n in (1, 2)]
        assert set(marked(after([DELIVERED, *early]))) == {"c1", "c2"}

    def test_without_a_delivery_the_sending_counts(self) -> None:
        assert set(marked(after([sign("d", "sent", 0), *SCAN]))) == {"o", "c1", "c2"}
        assert marked(after(SCAN)) == {}

    def test_messages_of_one_id_in_two_sources_are_two(self) -> None:
        assert marked(after([{**DELIVERED, "source": "other"}, *SCAN])) == {}

    def test_the_end_of_the_seconds_belongs_to_them(self) -> None:
        edge = [sign("a", "clicked", SWEEP, "l1"), sign("b", "clicked", SWEEP, "l2")]
        assert set(marked(after([DELIVERED, *edge]))) == {"a", "b"}
        beyond = [sign("a", "clicked", SWEEP, "l1"), sign("b", "clicked", SWEEP + 1e-6, "l2")]
        assert marked(after([DELIVERED, *beyond])) == {}


class TestOneAgent:
    RACING = (
        sign("o", "opened", 7000, agent=ROBOT),
        sign("c1", "clicked", 7001, "l1", ROBOT),
        sign("c2", "clicked", 7002, "l2", ROBOT),
    )

    def test_who_opens_and_follows_several_links_at_once_is_a_machine_hours_later_too(self) -> None:
        assert marked(after([DELIVERED, *self.RACING])) == dict.fromkeys(("o", "c1", "c2"), ONE_AGENT)

    def test_another_agent_in_the_same_seconds_is_not(self) -> None:
        person = [sign("p", "opened", 7001, agent=HUMAN), sign("q", "clicked", 7002, "l1", HUMAN)]
        assert set(marked(after([*self.RACING, *person]))) == {"o", "c1", "c2"}

    def test_without_an_agent_nothing_is_told_by_one(self) -> None:
        assert marked(after([{**row, "properties": '{"url": "l"}'} for row in self.RACING])) == {}

    def test_who_takes_his_time_is_a_person(self) -> None:
        slow = [
            sign(row["event_id"], row["event_name"][6:], 7000 + 60 * n, f"l{n}", HUMAN)
            for n, row in enumerate(self.RACING)
        ]
        assert marked(after([DELIVERED, *slow])) == {}


class TestWhatFollows:
    LEFT = sign("u", "unsubscribed", 4)

    def test_a_machine_s_unsubscribe_withdraws_nothing_and_a_person_s_does(self) -> None:
        con = after([DELIVERED, *SCAN, self.LEFT])
        assert "u" in marked(con)
        assert cells(con, "consents", "status") == []
        con = after([DELIVERED, SCAN[0], SCAN[1], self.LEFT])
        assert cells(con, "consents", "status") == [("denied",)]

    def test_a_withdrawal_is_taken_back_when_it_turns_out_to_be_a_machine_s_and_comes_again(self) -> None:
        con = after([DELIVERED, SCAN[1], self.LEFT])
        assert cells(con, "consents", "status") == [("denied",)]
        step(con, [SCAN[2]], commit_seq=2)
        assert cells(con, "consents", "status") == []
        step(con, [sign("c2", "clicked", 3, "https://shop.example/1")], ["c2"], commit_seq=3)
        assert (marked(con), cells(con, "consents", "status")) == ({}, [("denied",)])
        assert rolled_up(con) == recomputed(con)

    def test_both_kinds_of_machine_are_counted_and_answer_nothing(self) -> None:
        flagged = sign("c3", "clicked", 9000, is_machine=True)
        con = after([DELIVERED, *SCAN, flagged])
        assert cells(con, "contacts", "opened_at", "responded_at") == [(None, None)]
        counts = con.execute(
            "SELECT event_name, interaction_count, machine_count FROM daily_activity ORDER BY ALL"
        ).fetchall()
        assert counts == [("email_clicked", 3, 3), ("email_delivered", 1, 0), ("email_opened", 1, 1)]

    def test_what_a_machine_looks_at_is_no_interest_of_the_person(self) -> None:
        con = after([DELIVERED, *({**row, "category": "c"} for row in SCAN)])
        assert cells(con, "daily_categories", "category") == []

    @pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
    def test_the_order_in_which_events_come_changes_nothing(self, order: tuple[int, ...]) -> None:
        rows = [DELIVERED, *SCAN]
        con = after(*([rows[n]] for n in order))
        assert set(marked(con)) == {"o", "c1", "c2"}
        assert rolled_up(con) == recomputed(con)

    def test_marks_that_stay_keep_their_commit_and_other_messages_are_not_looked_at(self) -> None:
        con = after([DELIVERED, *SCAN], [event("e9", contact_id="x")], [sign("c3", "clicked", 5, "l3")])
        assert cells(con, MACHINES, "interaction_id", "commit_seq") == [("c1", 1), ("c2", 1), ("c3", 3), ("o", 1)]

    def test_an_erased_event_takes_its_marks_with_it(self) -> None:
        con = after([DELIVERED, *SCAN, self.LEFT])
        con.execute("CREATE TEMP TABLE gone AS SELECT * FROM interactions WHERE interaction_id = 'c2'")
        con.execute("DELETE FROM interactions WHERE interaction_id = 'c2'")
        take_back(con, run_of(2), "gone")
        assert marked(con) == {}
        assert cells(con, "consents", "status") == [("denied",)]
        assert rolled_up(con) == recomputed(con)

    def test_a_window_looked_at_again_tells_marks_that_are_wrong(self) -> None:
        con, day = after([DELIVERED, *SCAN]), date(2025, 3, 1)
        con.execute("DROP TABLE keep_fresh")
        con.execute("DROP TABLE keep_retracted")
        con.execute("BEGIN")
        assert set(differences(con, run_of(2), day, day).values()) == {0}
        con.execute("ROLLBACK")
        con.execute(f"DELETE FROM {MACHINES} WHERE interaction_id = 'o'")
        con.execute(f"INSERT INTO {MACHINES} SELECT * REPLACE ('lost' AS interaction_id) FROM {MACHINES} LIMIT 1")
        con.execute("BEGIN")
        found = differences(con, run_of(2), day, day)
        con.execute("ROLLBACK")
        assert (found[MACHINES], found["contacts"]) == (2, 0)
        recompute(con, run_of(2))
        assert set(marked(con)) == {"o", "c1", "c2"}


class TestSettings:
    @pytest.mark.parametrize(
        ("changed", "count"),
        [({}, 3), ({"delivery_seconds": 0.0}, 0), ({"least_links": 3}, 0), ({"delivery_seconds": 2.0}, 0)],
        ids=str,
    )
    def test_marks_follow_the_settings_also_when_they_change(self, changed: dict[str, Any], count: int) -> None:
        becomes = replace(SETTINGS, machines=MachineSettings(**changed))
        con = after([DELIVERED, *SCAN])
        recompute(con, run_of(2, becomes))
        assert len(marked(con)) == count
        assert rolled_up(con) == recomputed(con, becomes)
        assert (rests_on(becomes) != rests_on(SETTINGS)) == bool(changed)

    @pytest.mark.parametrize(
        "wrong", [{"delivery_seconds": -1.0}, {"agent_seconds": 1801.0}, {"least_links": 0}], ids=str
    )
    def test_a_setting_out_of_range_is_refused_with_its_mend(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(RapportError, match=r"mend rapport\.toml"):
            rests_on(replace(SETTINGS, machines=MachineSettings(**wrong)))


def test_every_rollup_that_reads_machines_is_known_as_such() -> None:
    assert {name for name, rollup in rollups().items() if rollup.reads_machines} == {
        "consents", "contacts", "daily_activity", "daily_categories", "outcomes",
    }  # fmt: skip


GOLDEN = sorted((Path(__file__).parents[1] / "connectors").glob("*/interactions.ndjson"))
CLICKS = [
    pytest.param([json.loads(line) for line in lines], id=path.parent.name)
    for path in GOLDEN
    if (lines := [line for line in path.read_text(encoding="utf-8").splitlines() if '"email_clicked"' in line])
]


@pytest.mark.parametrize("clicks", CLICKS)
def test_every_connector_of_mails_keeps_the_link_where_the_rules_find_it(clicks: list[Row]) -> None:
    con = duckdb.connect()
    properties = [click["properties"] for click in clicks]
    found = con.execute(
        f"SELECT {LINK} FROM (SELECT unnest(?::JSON[]) AS properties)",
        [properties],
    ).fetchall()
    links = [link for (link,) in found if link]
    assert links
    assert all(link.startswith("http") and "webhooks" not in link for link in links)


NAMES = ("sent", "delivered", "opened", "clicked", "clicked", "clicked", "unsubscribed")
SIGN = st.tuples(
    st.integers(0, 9),
    st.sampled_from(NAMES),
    st.sampled_from([-SWEEP - 1, -SWEEP, 0, 1, RACE, RACE + 1, SWEEP, 2 * SWEEP, 3590, 3600, 3600 + SWEEP, 90000]),
    st.sampled_from(["", "l1", "l2"]),
    st.sampled_from(["", HUMAN, ROBOT]),
    st.sampled_from("kl"),
    st.sampled_from(["user_id:u1", "user_id:u2"]),
    st.booleans(),
)
STEPS = st.lists(st.lists(SIGN, min_size=1, max_size=8), min_size=1, max_size=4)


def by_hand(rows: list[Row]) -> set[str]:
    """The rules, read word by word."""
    found = set()
    for one in rows:
        if one["event_name"] in ("email_sent", "email_delivered"):
            near = [row for row in rows if _belongs(one, row, SWEEP)]
        elif one["event_name"] == "email_opened" and _agent(one):
            near = [row for row in rows if _belongs(one, row, RACE) and _agent(row) == _agent(one)]
        else:
            continue
        links = {json.loads(row["properties"]).get("url") for row in near if row["event_name"] == "email_clicked"}
        if len(links - {None, ""}) >= SETTINGS.machines.least_links:
            found |= {row["event_id"] for row in near if row["event_name"] not in ("email_sent", "email_delivered")}
    return found


def _agent(row: Row) -> str:
    return str(json.loads(row["properties"]).get("useragent", ""))


def _belongs(one: Row, row: Row, seconds: float) -> bool:
    apart = abs((row["occurred_at"] - one["occurred_at"]).total_seconds())
    return bool(apart <= seconds and row["contact_id"] == one["contact_id"])


@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(steps=STEPS)
def test_any_split_any_order_and_any_correction_give_what_the_rules_say(steps: list[list[tuple[Any, ...]]]) -> None:
    con, known = memory_lake(), dict[str, Row]()
    for commit_seq, said in enumerate(steps, start=1):
        fresh = {
            f"e{number}": sign(
                f"e{number}", name, seconds, link, agent, contact_id=message, anchor=anchor, is_machine=flag
            )
            for number, name, seconds, link, agent, message, anchor, flag in said
        }
        step(con, list(fresh.values()), known.keys() & fresh, commit_seq=commit_seq)
        known |= fresh
        assert set(marked(con)) == by_hand(list(known.values()))
        assert rolled_up(con) == recomputed(con)


def test_a_mark_says_of_which_message_whose_and_when() -> None:
    con = after([DELIVERED, *SCAN])
    assert cells(con, MACHINES, "source", "contact_id", "anchor", "channel", "event_name", "occurred_at")[0] == (
        "till", "k", "user_id:u1", "email", "email_clicked", AT + timedelta(seconds=2),
    )  # fmt: skip
