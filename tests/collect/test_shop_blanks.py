"""Shops and surveys have webhooks, and an order becomes a blank with all that stands in it."""

import json
from pathlib import Path

import pytest

from flows.landing import land_paths
from pipelines.collect.connectors import connectors
from tests.collect.landed import blank_records
from tests.collect.staged import stage
from tests.collect.test_shopify import BACK, order
from warehouse.home import Home

NAMES = ("shopify", "delighted", "typeform", "satismeter")


@pytest.mark.parametrize("name", NAMES)
def test_every_shop_and_survey_has_a_webhook(name: str) -> None:
    assert connectors()[name].webhook is not None


def test_an_order_becomes_a_blank_with_all_that_stands_in_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    lines = [order(refunds=[BACK]), order(id=6, refunds=[{**BACK, "id": 91, "order_id": 6}])]
    (tmp_path / "orders.json").write_text(json.dumps(lines), encoding="utf-8")
    (file,) = land_paths(home, "shopify", [tmp_path / "orders.json"])
    before = stage("shopify", (tmp_path / "orders.json").read_bytes())
    asked = [(row["row_number"], row["element"]) for row in before.interactions if row["order_id"] == "5"]
    assert len(asked) == 2
    blank_records(home, file, asked)
    after = stage("shopify", (home.root / file.path).read_bytes())
    others = [row for row in before.rows("row_number", "element", "event_id") if row[2] in ("order:6", "refund:91")]
    assert after.rows("row_number", "element", "event_id") == others
    assert json.loads((home.root / file.path).read_bytes())[0] == {"rapport:erased": True}
