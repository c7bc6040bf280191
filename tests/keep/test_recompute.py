"""Rollups made anew: what a load under the settings of today gives, and only what differs is written."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipelines.keep.keep import take_back
from pipelines.keep.rollup import recompute, rests_on
from pipelines.keep.rollups import rollups
from schemas.identifiers import anchor
from schemas.tables import tables
from tests.keep.rows import SETTINGS, Row, cells, event, recomputed, rolled_up, run_of, step
from tests.keep.test_rollups import SAID
from tests.keep.till import ingest, row
from tests.lakes import memory_lake
from warehouse.home import Home
from warehouse.lake import open_writer
from warehouse.settings import IdentitySettings, Settings

IDENTIFIERS = st.lists(
    st.sampled_from([("user_id", "u1"), ("email", "a@shop.example"), ("email", "junk@shop.example"), ("badge", "7")]),
    max_size=3,
    unique=True,
)
IDENTITY = st.builds(
    IdentitySettings,
    priorities=st.dictionaries(st.sampled_from(["user_id", "email", "badge"]), st.integers(0, 3)),
    blocked_values=st.sampled_from([(), ("junk@shop.example",)]),
)
RATES = st.dictionaries(st.sampled_from(["USD", "JPY", "EUR"]), st.decimals("0.0001", "2", places=4))
SETTINGS_GIVEN = st.builds(Settings, currency=st.sampled_from(["EUR", "USD"]), rates=RATES, identity=IDENTITY)


def anchored(said: Row, identifiers: list[tuple[str, str]], given: Settings) -> Row:
    """The row as a load under the settings makes it: of the identifiers the best that is not blocked."""
    kept = [(kind, value) for kind, value in identifiers if value not in given.identity.blocked_values]
    return {
        **said,
        "identifiers": [{"kind": kind, "value": value} for kind, value in identifiers],
        "anchor": anchor(kept, given.identity.priorities),
    }


@settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(said=st.lists(st.tuples(SAID, IDENTIFIERS), min_size=1, max_size=12), was=SETTINGS_GIVEN, becomes=SETTINGS_GIVEN)
def test_after_any_change_of_the_settings_rollups_are_what_a_load_under_them_gives(
    said: list[tuple[Row, list[tuple[str, str]]]], was: Settings, becomes: Settings
) -> None:
    lakes = []
    for given_settings in (was, becomes):
        con = memory_lake()
        rows = [event(f"e{n}", **anchored(fields, found, given_settings)) for n, (fields, found) in enumerate(said)]
        step(con, rows, settings=given_settings)
        lakes.append(con)
    before, fresh = lakes
    recompute(before, run_of(2, becomes))
    assert rolled_up(before) == rolled_up(fresh)
    assert cells(before, "interactions", "interaction_id", "anchor") == cells(
        fresh, "interactions", "interaction_id", "anchor"
    )
    assert set(recompute(before, run_of(3, becomes)).values()) == {0}
    assert before.execute("SELECT COUNT(*) FROM orders WHERE commit_seq = 3").fetchall() == [(0,)]


def test_only_rows_that_differ_are_written() -> None:
    con = memory_lake()
    step(con, [event("e1", amount=Decimal(1)), event("e2", amount=Decimal(1), currency="JPY")])
    with_yen = replace(SETTINGS, rates={**SETTINGS.rates, "JPY": Decimal("0.006")})
    written = recompute(con, run_of(2, with_yen), ["orders", "consents"])
    assert written == {"interactions": 0, "machine_engagements": 0, "orders": 1, "consents": 0}
    assert cells(con, "orders", "order_id", "amount", "commit_seq") == [
        ("event:e1", Decimal(1), 1),
        ("event:e2", Decimal("0.006"), 2),
    ]


def test_rows_that_nothing_gives_any_more_go() -> None:
    con = memory_lake()
    step(con, [event("e1", category="c")])
    con.execute("DELETE FROM interactions")
    recompute(con, run_of(2))
    assert [name for name in rollups() if cells(con, name, *tables()[name].key)] == []


@pytest.mark.parametrize(
    "changed",
    [
        replace(SETTINGS, currency="USD"),
        replace(SETTINGS, rates={}),
        replace(SETTINGS, identity=IdentitySettings(priorities={"email": 1})),
        replace(SETTINGS, identity=IdentitySettings(blocked_values=("x",))),
    ],
)
def test_what_rollups_rest_on_tells_every_setting_that_changes_them(changed: Settings) -> None:
    assert rests_on(changed) != rests_on(SETTINGS)
    assert rests_on(replace(SETTINGS, threads=7)) == rests_on(SETTINGS)


def test_in_a_lake_interactions_and_lost_copies_get_their_new_anchor_and_keep_their_commit(tmp_path: Path) -> None:
    home = Home(tmp_path)
    sold = {"user": "u1", "email": "a@shop.example", "order": "o"}
    ingest(
        home, [row("e1", amount=5, version=1, **sold)], [row("e1", amount=7, version=2, **sold), row("e2", user="u2")]
    )
    home.settings_file.write_text("[identity]\npriorities = { email = 200 }\n", encoding="utf-8")
    with open_writer(home) as lake:
        with lake.commit() as run:
            written = recompute(lake.con, run)
        assert (written["interactions"], written["orders"]) == (2, 1)
        assert cells(lake.con, "interactions", "event_id", "anchor", "commit_seq") == [
            ("e1", "email:a@shop.example", 2),
            ("e2", "user_id:u2", 2),
        ]
        assert cells(lake.con, "interaction_versions", "anchor", "commit_from") == [("email:a@shop.example", 1)]
        assert rolled_up(lake.con) == recomputed(lake.con, lake.settings)
        files = {path: path.stat().st_mtime_ns for path in home.data.rglob("*.parquet")}
        with lake.commit() as run:
            assert set(recompute(lake.con, run).values()) == {0}
        assert {path: path.stat().st_mtime_ns for path in home.data.rglob("*.parquet")} == files
    # A copy that says the same as one of before is still an equal copy.
    (report,) = ingest(home, [row("e1", amount=5, version=1, **sold)])
    assert report.counts.duplicate == 1
    with open_writer(home) as lake:
        assert len(cells(lake.con, "interaction_versions", "event_id")) == 1


def test_rollups_of_an_older_home_without_the_new_columns_follow_a_correction(tmp_path: Path) -> None:
    home = Home(tmp_path)
    sold = {"order": "o", "contact": "k", "event": "order_completed"}
    ingest(home, [row("e1", amount=5, version=1, **sold), row("e2", amount=1, at="2024-01-01T00:00:00Z", **sold)])
    with open_writer(home) as lake, lake.commit():
        for name in ("anchors", "first_at", "last_at"):
            lake.con.execute(f"ALTER TABLE orders DROP COLUMN {name}")
    ingest(home, [row("e1", amount=7, version=2, **sold)])
    with open_writer(home) as lake:
        assert cells(lake.con, "orders", "amount", "anchors") == [(Decimal(8), ["user_id:u1"])]


def _gone(con: duckdb.DuckDBPyConnection, *ids: str) -> None:
    listed = ", ".join(f"'{id}'" for id in ids)
    con.execute(f"CREATE OR REPLACE TEMP TABLE gone AS SELECT * FROM interactions WHERE event_id IN ({listed})")
    con.execute(f"DELETE FROM interactions WHERE event_id IN ({listed})")


def test_what_is_taken_back_for_good_leaves_no_trace_in_any_rollup() -> None:
    con = memory_lake()
    mail = {"event_name": "email_unsubscribed", "channel": "email"}
    said = {"event_name": "identify", "properties": '{"traits": {"name": "n"}}'}
    step(
        con,
        [
            event("e1", order_id="o", amount=Decimal(5), anchor="user_id:u1", category="c"),
            event("e2", order_id="o", amount=Decimal(7), anchor="user_id:u2"),
            event("e3", **mail),
            event("e4", **said),
            event("e5", event_name="coupon_redeemed", contact_id="k"),
        ],
    )
    _gone(con, "e1", "e3", "e4", "e5")
    take_back(con, run_of(2), "gone")
    assert rolled_up(con) == recomputed(con)
    assert cells(con, "orders", "anchor", "anchors", "amount") == [("user_id:u2", ["user_id:u2"], Decimal(7))]
    assert [name for name in ("consents", "statements", "outcomes", "contacts") if cells(con, name, "commit_seq")] == []
