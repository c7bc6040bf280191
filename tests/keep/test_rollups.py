"""Rollups: what each counts, and that any split with any corrections gives what one computation gives."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipelines.keep.rollups import rollups
from schemas.tables import tables
from tests.keep.rows import AT, SETTINGS, Row, by_commits, cells, event, recomputed, rolled_up, step
from tests.lakes import memory_lake

NAMES = (
    "order_completed", "order_refunded", "order_cancelled", "product_viewed", "email_sent", "email_delivered",
    "email_bounced", "email_opened", "email_clicked", "call_answered", "coupon_redeemed", "offer_declined",
    "email_unsubscribed", "sms_subscribed", "email_complained", "identify",
)  # fmt: skip
AMOUNTS = st.none() | st.decimals("-99", "999", places=4)
ITEM = st.fixed_dictionaries(
    {
        "product_id": st.none(),
        "category": st.none() | st.sampled_from("cd"),
        "quantity": AMOUNTS,
        "amount": AMOUNTS,
    }
)
CONSENTS = (
    '[{"purpose": "ads", "channel": "web", "status": "granted"}]',
    '[{"purpose": "ads", "channel": "web", "status": "denied"}, {"purpose": "ads", "status": "denied"}]',
    '[{"purpose": "ads", "status": "granted", "expires_at": "2025-06-01", "legal_basis": "contract"}]',
    '[{"purpose": "*", "status": "expired"}, {"purpose": "ads", "status": "implied"}]',
)
SAID = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["till", "shop"]),
        "event_name": st.sampled_from(NAMES),
        "anchor": st.sampled_from([None, "user_id:u1", "user_id:u2", "email:u1@shop.example", "badge:7"]),
        "channel": st.sampled_from(["email", "pos"]),
        "occurred_at": st.integers(0, 3).map(lambda n: AT + timedelta(hours=9 * n)),
        "amount": AMOUNTS,
        "currency": st.sampled_from([None, "EUR", "USD", "JPY"]),
        "quantity": AMOUNTS,
        "category": st.none() | st.sampled_from("cd"),
        "order_id": st.none() | st.sampled_from("no"),
        "contact_id": st.none() | st.sampled_from("kl"),
        "campaign_id": st.none() | st.sampled_from("mn"),
        "offer_id": st.none() | st.sampled_from("pq"),
        "items": st.none() | st.lists(ITEM, max_size=3),
        "is_machine": st.booleans(),
        "consents": st.sampled_from([None, *CONSENTS]),
        "properties": st.sampled_from([None, '{"traits": {"a": "x", "b": 1}}', '{"traits": {"a": "y"}, "c": 2}']),
    }
)
STEPS = st.lists(st.lists(st.tuples(st.integers(0, 9), SAID), min_size=1, max_size=8), min_size=1, max_size=4)


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(steps=STEPS)
def test_any_split_and_any_correction_give_what_one_computation_gives(steps: list[list[tuple[int, Row]]]) -> None:
    for con in by_commits(memory_lake(), steps):
        assert rolled_up(con) == recomputed(con)


def test_every_rollup_is_a_table_with_its_keys_and_measures() -> None:
    for name, rollup in rollups().items():
        assert rollup.keys == tables()[name].key
        assert set(rollup.near) <= set(tables()[name].column_names)
        if not rollup.appends:
            assert {*rollup.keys, *rollup.merge, "commit_seq"} == set(tables()[name].column_names)


def test_a_cell_that_nothing_touches_is_not_written_again() -> None:
    con = memory_lake()
    step(con, [event("e1", category="c"), event("e2", anchor="user_id:u2", order_id="o", category="c")])
    step(con, [event("e3", anchor="user_id:u2", order_id="o", category="c")], commit_seq=2)
    for name in ("daily_activity", "daily_categories", "orders"):
        assert cells(con, name, "anchor", "commit_seq") == [("user_id:u1", 1), ("user_id:u2", 2)]


def test_a_cell_whose_last_interaction_is_retracted_goes() -> None:
    con = memory_lake()
    step(con, [event("e1", category="c", order_id="o"), event("e2", event_name="email_sent", contact_id="k")])
    step(con, [event("e1", event_name="page"), event("e2", event_name="page")], ["e1", "e2"], commit_seq=2)
    assert cells(con, "orders", "order_id") == cells(con, "contacts", "contact_id") == []
    assert cells(con, "daily_categories", "category") == []
    assert cells(con, "daily_activity", "event_name", "interaction_count") == [("page", 2)]


class TestOrders:
    COLUMNS = ("order_id", "line_count", "amount", "quantity", "refunded_amount")

    def test_lines_that_arrive_in_different_runs_are_one_order(self) -> None:
        con = memory_lake()
        lines = [
            event("e1", order_id="o", amount=Decimal(5), quantity=Decimal(1), occurred_at=AT + timedelta(hours=1)),
            event("e2", order_id="o", amount=Decimal(7), quantity=Decimal(2), occurred_at=AT + timedelta(hours=2)),
            event("e3", order_id="o", amount=Decimal(-2), quantity=Decimal(1)),
        ]
        for commit_seq, line in enumerate(lines, start=1):
            step(con, [line], commit_seq=commit_seq)
        assert cells(con, "orders", *self.COLUMNS) == [("o", 3, Decimal(10), Decimal(4), None)]
        assert con.execute("SELECT ordered_at, completed_at, commit_seq FROM orders").fetchall() == [
            (AT, AT + timedelta(hours=2), 3)
        ]

    def test_an_order_sent_whole_has_a_line_for_each_item(self) -> None:
        con = memory_lake()
        items = [
            {"product_id": "p", "category": "c", "quantity": Decimal(2), "amount": Decimal(3)},
            {"product_id": "q", "category": None, "quantity": Decimal(1), "amount": Decimal(4)},
        ]
        step(con, [event("e1", order_id="o", amount=Decimal(8), items=items)])
        assert cells(con, "orders", *self.COLUMNS) == [("o", 2, Decimal(8), Decimal(3), None)]

    def test_the_items_of_an_order_count_by_category_and_the_order_itself_does_not(self) -> None:
        con = memory_lake()
        items = [{"product_id": "p", "category": "c", "quantity": Decimal(2), "amount": Decimal(3)}] * 2
        step(con, [event("e1", category="whole", amount=Decimal(8), items=items)])
        columns = ("category", "interaction_count", "amount", "quantity")
        assert cells(con, "daily_categories", *columns) == [("c", 2, Decimal(6), Decimal(4))]

    def test_orders_without_an_id_stay_apart(self) -> None:
        con = memory_lake()
        step(con, [event("e1", amount=Decimal(5)), event("e2", amount=Decimal(7))])
        assert cells(con, "orders", "order_id", "line_count") == [("event:e1", 1), ("event:e2", 1)]

    def test_one_id_in_two_sources_is_two_orders(self) -> None:
        con = memory_lake()
        step(con, [event("e1", order_id="o"), event("e2", order_id="o", source="shop")])
        assert cells(con, "orders", "source", "order_id") == [("shop", "o"), ("till", "o")]

    @pytest.mark.parametrize("amount", [Decimal(3), Decimal(-3)])
    @pytest.mark.parametrize("name", ["order_refunded", "order_cancelled"])
    def test_money_that_goes_back_is_negative_in_every_rollup_whichever_sign_it_was_sent_with(
        self, name: str, amount: Decimal
    ) -> None:
        con = memory_lake()
        items = [{"product_id": "p", "category": "d", "quantity": Decimal(1), "amount": amount}]
        step(con, [event("r1", order_id="o", event_name=name, amount=amount, category="c")])
        step(con, [event("r2", order_id="o", event_name=name, amount=-amount, items=items)], commit_seq=2)
        assert cells(con, "orders", "refunded_amount", "amount") == [(Decimal(-6), None)]
        assert cells(con, "daily_activity", "amount") == [(Decimal(-6),)]
        assert cells(con, "daily_categories", "category", "amount") == [("c", Decimal(-3)), ("d", Decimal(-3))]

    @pytest.mark.parametrize("amount", [Decimal(3), Decimal(-3)])
    @pytest.mark.parametrize("name", ["order_refunded", "order_cancelled"])
    def test_a_refund_stands_beside_its_order_as_a_negative_amount(self, name: str, amount: Decimal) -> None:
        con = memory_lake()
        step(con, [event("r1", order_id="o", event_name=name, amount=amount)])
        assert cells(con, "orders", *self.COLUMNS, "ordered_at") == [("o", 0, None, None, Decimal(-3), None)]
        step(con, [event("e1", order_id="o", amount=Decimal(9))], commit_seq=2)
        assert cells(con, "orders", *self.COLUMNS, "ordered_at") == [("o", 1, Decimal(9), None, Decimal(-3), AT)]

    def test_the_best_identifier_on_any_line_has_the_order(self) -> None:
        con = memory_lake()
        step(con, [event("e1", order_id="o", anchor="email:a@shop.example"), event("e2", order_id="o", anchor=None)])
        step(con, [event("e3", order_id="o", anchor="user_id:u9")], commit_seq=2)
        step(con, [event("e4", order_id="o", anchor="anonymous_id:a")], commit_seq=3)
        assert cells(con, "orders", "anchor") == [("user_id:u9",)]
        everyone = ["anonymous_id:a", "email:a@shop.example", "user_id:u9"]
        assert cells(con, "orders", "anchors") == [(everyone,)]

    def test_an_order_that_nobody_made_has_no_anchors(self) -> None:
        con = memory_lake()
        step(con, [event("e1", order_id="o", anchor=None)])
        step(con, [event("e2", order_id="o", anchor=None, occurred_at=AT + timedelta(days=3))], commit_seq=2)
        assert cells(con, "orders", "anchor", "anchors", "first_at", "last_at") == [
            (None, [], AT, AT + timedelta(days=3))
        ]


class TestCurrencies:
    LINES: tuple[dict[str, Any], ...] = (
        {"amount": Decimal(10), "currency": None},
        {"amount": Decimal(10), "currency": "EUR"},
        {"amount": Decimal("10.0001"), "currency": "USD"},
        {"amount": Decimal(1000), "currency": "JPY"},
        {"amount": None, "currency": "JPY"},
    )

    def test_amounts_are_summed_in_the_base_currency_and_those_without_a_rate_are_counted(self) -> None:
        con = memory_lake()
        step(con, [event(f"e{n}", order_id="o", category="c", **line) for n, line in enumerate(self.LINES)])
        for name in ("orders", "daily_activity", "daily_categories"):
            assert cells(con, name, "amount", "unconverted_count") == [(Decimal("29.0001"), 1)]

    def test_nothing_but_unconverted_amounts_is_no_amount(self) -> None:
        con = memory_lake()
        step(con, [event("e1", order_id="o", amount=Decimal(1000), currency="JPY")])
        assert cells(con, "orders", "amount", "unconverted_count") == [(None, 1)]
        step(con, [event("e2", order_id="o", amount=Decimal(2000), currency="JPY")], commit_seq=2)
        assert cells(con, "orders", "amount", "unconverted_count") == [(None, 2)]

    def test_a_rate_makes_the_same_amounts_countable(self) -> None:
        con = memory_lake()
        with_yen = replace(SETTINGS, rates={**SETTINGS.rates, "JPY": Decimal("0.006")})
        lines = [event(f"e{n}", order_id="o", **line) for n, line in enumerate(self.LINES)]
        step(con, lines, settings=with_yen)
        assert cells(con, "orders", "amount", "unconverted_count") == [(Decimal("35.0001"), 0)]


class TestContacts:
    def test_the_signs_of_a_message_are_one_contact_in_whatever_order_they_come(self) -> None:
        con = memory_lake()
        signs = ("email_opened", "email_sent", "email_clicked", "email_delivered", "email_opened")
        for n, name in enumerate(signs):
            at = AT + timedelta(minutes=n)
            sign = event(f"e{n}", event_name=name, channel="email", contact_id="k", occurred_at=at, offer_id="p")
            step(con, [sign], commit_seq=n + 1)
        columns = ("contact_id", "channel", "sent_at", "delivered_at", "failed_at", "opened_at", "responded_at")
        minutes = [AT + timedelta(minutes=n) for n in range(5)]
        expected = ("k", "email", minutes[1], minutes[3], None, minutes[0], minutes[2])
        assert cells(con, "contacts", *columns) == [expected]

    def test_what_a_machine_opens_or_clicks_is_no_answer(self) -> None:
        con = memory_lake()
        opened = event("e1", event_name="email_opened", contact_id="k", is_machine=True)
        clicked = event("e2", event_name="email_clicked", contact_id="k", is_machine=True)
        step(con, [opened, clicked])
        assert cells(con, "contacts", "opened_at", "responded_at") == [(None, None)]
        assert cells(con, "daily_activity", "interaction_count", "machine_count") == [(1, 1), (1, 1)]

    def test_a_redemption_answers_the_letter_that_carried_the_coupon(self) -> None:
        con = memory_lake()
        redeemed = event("e1", event_name="coupon_redeemed", channel="pos", contact_id="k", offer_id="p")
        step(con, [redeemed])
        assert cells(con, "contacts", "channel", "responded_at") == [(None, AT)]
        step(con, [event("e2", event_name="post_sent", channel="post", contact_id="k")], commit_seq=2)
        assert cells(con, "contacts", "channel", "sent_at", "responded_at") == [("post", AT, AT)]
        assert cells(con, "outcomes", "outcome_id", "offer_id", "contact_id") == [("e1", "p", "k")]

    def test_events_that_are_no_contact_or_name_none_make_none(self) -> None:
        con = memory_lake()
        step(con, [event("e1", contact_id="k"), event("e2", event_name="email_sent")])
        assert cells(con, "contacts", "contact_id") == []


class TestStatements:
    COLUMNS = ("interaction_id", "anchor", "name", "value", "stated_at")

    def test_each_trait_of_a_call_is_a_statement(self) -> None:
        con = memory_lake()
        told = '{"traits": {"preferred_channel": " Email", "age": 44, "plan": {"id": 1}, "gone": null, "": ""}, "x": 1}'
        step(con, [event("e1", event_name="identify", properties=told)])
        expected = [("", ""), ("age", "44"), ("plan", '{"id":1}'), ("preferred_channel", " Email")]
        assert cells(con, "statements", *self.COLUMNS) == [("e1", "user_id:u1", *said, AT) for said in expected]

    def test_of_a_name_that_stands_twice_the_first_counts(self) -> None:
        con = memory_lake()
        told = '{"traits": {"a": "first", "b": "x", "a": "second"}, "traits": {"c": "y"}}'
        step(con, [event("e1", event_name="identify", properties=told)])
        assert cells(con, "statements", "name", "value") == [("a", "first"), ("b", "x")]
        looked_up = con.execute("SELECT json_extract_string(properties, '$.traits.a') FROM interactions").fetchall()
        assert looked_up == [("first",)]

    @pytest.mark.parametrize("told", [None, "{}", '{"traits": null}', '{"traits": ["a"]}', '{"traits": "a"}', "[]"])
    def test_a_call_without_traits_states_nothing(self, told: str | None) -> None:
        con = memory_lake()
        step(con, [event("e1", event_name="identify", properties=told)])
        assert cells(con, "statements", "name") == []

    def test_other_events_and_nobody_state_nothing(self) -> None:
        con, told = memory_lake(), '{"traits": {"a": "x"}}'
        step(con, [event("e1", properties=told), event("e2", event_name="identify", anchor=None, properties=told)])
        assert cells(con, "statements", "name") == []

    def test_a_corrected_call_states_what_it_says_now(self) -> None:
        con = memory_lake()
        before, now = '{"traits": {"a": "x", "b": "y"}}', '{"traits": {"b": "z"}}'
        step(con, [event("e1", event_name="identify", properties=before)])
        step(con, [event("e1", event_name="identify", properties=now, anchor="user_id:u2")], ["e1"], commit_seq=2)
        assert cells(con, "statements", "anchor", "name", "value") == [("user_id:u2", "b", "z")]


class TestConsents:
    @pytest.mark.parametrize(
        ("name", "status", "basis"),
        [
            ("email_unsubscribed", "denied", "objection"),
            ("sms_complained", "denied", "objection"),
            ("email_subscribed", "granted", "consent"),
        ],
    )
    def test_what_a_person_says_about_mailings_is_a_consent_statement(self, name: str, status: str, basis: str) -> None:
        con = memory_lake()
        channel = name.split("_")[0]
        step(con, [event("e1", event_name=name, channel=channel)])
        columns = ("anchor", "purpose", "channel", "status", "legal_basis", "stated_at", "interaction_id")
        expected = ("user_id:u1", "marketing", channel, status, basis, AT, "e1")
        assert cells(con, "consents", *columns) == [expected]

    def test_a_machine_and_nobody_state_nothing(self) -> None:
        con = memory_lake()
        step(
            con,
            [
                event("e1", event_name="email_unsubscribed", is_machine=True),
                event("e2", event_name="email_unsubscribed", anchor=None),
            ],
        )
        assert cells(con, "consents", "consent_id") == []

    def test_a_correction_takes_the_statement_back(self) -> None:
        con = memory_lake()
        step(con, [event("e1", event_name="email_unsubscribed", channel="email")])
        step(con, [event("e1", event_name="email_opened", channel="email")], ["e1"], commit_seq=2)
        assert cells(con, "consents", "consent_id") == []


def test_amounts_at_the_limit_of_validation_never_stop_a_run() -> None:
    con = memory_lake()
    most = {"order_id": "o", "category": "c", "amount": Decimal(10**10), "quantity": Decimal(10**10)}
    step(con, [event(f"e{n}", **most) for n in range(10_001)])
    step(con, [event("last", currency="USD", **most)], commit_seq=2)
    total = Decimal(10_001 * 10**10)
    for name in ("orders", "daily_activity", "daily_categories"):
        assert cells(con, name, "amount", "quantity") == [(total + Decimal("9e9"), total + 10**10)]
