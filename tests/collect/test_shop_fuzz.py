"""Whatever stands in the fields of shops and surveys, each record is kept or refused; blanks of orders."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.landing import land_paths
from pipelines.collect.blank import blank_records
from pipelines.collect.connectors import connectors
from tests.collect.golden import SAMPLES
from tests.collect.staged import stage
from tests.collect.test_shopify import BACK, order
from warehouse.home import Home

NAMES = ("shopify", "delighted", "typeform", "satismeter")
ODD = st.recursive(
    st.sampled_from([None, True, 0, -1, 1e300, 2**70, "", "x", "-", "2025-03-01", "null", "[", '{"a":1}', "\ud7ff'\""]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "amount", "a"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything within a JSON value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, member in members for place in places(member, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A JSON value with `new` at `path`."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


@st.composite
def broken_records(draw: st.DrawFn, name: str) -> str:
    """Lines of the golden sample, each with something odd in up to three places."""
    whole = [json.loads(line) for line in (SAMPLES / name / "input.ndjson").read_text().splitlines()[:-1]]
    lines = []
    for _ in range(3):
        record = draw(st.sampled_from(whole))
        for _ in range(draw(st.integers(1, 3))):
            record = changed(record, draw(st.sampled_from(places(record))), draw(ODD))
        lines.append(json.dumps(record) + "\n")
    return "".join(lines)


@pytest.mark.parametrize("name", NAMES)
def test_odd_values_anywhere_stop_nothing_and_lose_nothing(name: str) -> None:
    @given(content=broken_records(name))
    @settings(max_examples=12, deadline=None)
    def check(content: str) -> None:
        stage(name, content)  # asserts conservation

    check()


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
