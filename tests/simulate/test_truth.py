from collections import Counter
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.simulate import CHANNELS, World
from tests.simulate.test_segment import first_copies
from tests.simulate.worlds import Written, write

ORDERED = "Order Completed"


def test_every_web_identifier_belongs_to_one_customer_of_the_truth(written: Written) -> None:
    devices = {row["user_id"]: set(row["anonymous_ids"]) for row in written.truth}
    known = {row["user_id"]: (row["email"], row["phone"]) for row in written.truth}
    every = set().union(*devices.values())
    for call in written.calls:
        device, user = call.get("anonymousId", call.get("previousId")), call.get("userId")
        assert device in (devices[user] if user else every)
        if call["type"] == "identify":
            assert (call["traits"]["email"], call["traits"].get("phone")) == known[user]


def test_every_identifier_elsewhere_belongs_to_its_customer(written: Written) -> None:
    emails = {row["user_id"]: row["email"] for row in written.truth}
    phones = {row["user_id"]: row["phone"] or "" for row in written.truth}
    cards = {row["loyalty_id"] for row in written.truth}
    assert all(event["email"] == emails[event["user_id"]] for event in written.events)
    assert all(row["phone"] in {"", phones[row["customer_number"]]} for row in written.rows("crm"))
    assert {row["loyalty_number"] for row in written.rows("pos")} <= cards


def test_customers_have_one_to_four_devices_of_which_some_are_shared(written: Written) -> None:
    owners = Counter(device for row in written.truth for device in row["anonymous_ids"])
    assert all(1 <= len(row["anonymous_ids"]) <= 4 for row in written.truth)
    shared = {device for row in written.truth for device in row["shared_anonymous_ids"]}
    assert shared == {device for device, count in owners.items() if count > 1} != set()


def test_identifiers_of_different_customers_differ(written: Written) -> None:
    for kind in ("user_id", "email", "loyalty_id"):
        assert len({row[kind] for row in written.truth}) == len(written.truth)
    phones = [row["phone"] for row in written.truth if row["phone"]]
    assert len(set(phones)) == len(phones) < len(written.truth)


def test_orders_are_those_of_the_truth(written: Written) -> None:
    orders = [call["properties"] for call in first_copies(written.calls) if call.get("event") == ORDERED]
    sales = [row for row in written.rows("pos") if row["record"] == "sale"]
    paid = sum(Decimal(str(order["revenue"])) for order in orders) + sum(Decimal(row["amount"]) for row in sales)
    assert len({order["order_id"] for order in orders}) == len(orders)
    assert sum(row["web_order_count"] for row in written.truth) == len(orders) > 0
    assert sum(row["pos_order_count"] for row in written.truth) == len({row["basket_id"] for row in sales}) > 0
    assert sum(row["order_amount"] for row in written.truth) == paid


def test_records_are_counted_per_customer_without_copies(written: Written) -> None:
    total = {channel: sum(row[f"{channel}_record_count"] for row in written.truth) for channel in CHANNELS}
    assert total == {
        "web": len({call["messageId"] for call in written.calls}),
        "email": len({event["sg_event_id"] for event in written.events}),
        "pos": len(written.rows("pos")),
        "crm": len(written.rows("crm")),
    }
    per_customer = Counter(row["customer_number"] for row in written.rows("crm"))
    assert all(row["crm_record_count"] == per_customer[row["user_id"]] for row in written.truth)


def test_the_simulation_says_what_it_wrote(written: Written) -> None:
    assert written.simulation.channels == {
        "web": len(written.calls),
        "email": len(written.events),
        "pos": len(written.rows("pos")),
        "crm": len(written.rows("crm")),
    }
    files = {str(path.relative_to(written.out)) for path in written.out.rglob("*") if path.is_file()}
    assert files == {*written.simulation.files, "truth.parquet", "mappings/pos.toml", "mappings/crm.toml"}
    assert sum(written.simulation.files.values()) == sum(written.simulation.channels.values())


def test_given_people_keep_their_identifiers(tmp_path: Path) -> None:
    households = pa.table({"household_id": [1001, 7, 12], "email": ["a@example.com", None, 'b"@example.com']})
    world = World(3, 120, 3, channels=("web", "email", "crm"), people=households, web_orders=False)
    found = write(world, tmp_path)
    assert [row["household_id"] for row in found.truth] == ["1001", "7", "12"]
    assert [row["email"] for row in found.truth][::2] == ["a@example.com", 'b"@example.com']
    by_user = {row["user_id"]: row for row in found.truth}
    identified = [call for call in found.calls if call["type"] == "identify"]
    assert {call["userId"] for call in identified} == set(by_user)
    for call in identified:
        truth = by_user[call["userId"]]
        assert call["traits"]["email"] == truth["email"]
        assert call["context"]["externalIds"] == [
            {"id": truth["household_id"], "type": "household_id", "collection": "users", "encoding": "none"}
        ]
    assert {event["email"] for event in found.events} <= {row["email"] for row in found.truth}
    assert not any(call.get("event") == ORDERED for call in found.calls)
    assert found.mapping("crm")["identifiers"]["household_id"] == "household_id"
    profiles = [row for row in found.rows("crm") if row["activity"] == "profile"]
    assert {row["household_id"] for row in profiles} == {"1001", "7", "12"}


@pytest.mark.parametrize("channel", CHANNELS)
def test_one_channel_is_written_as_in_the_whole_world(channel: str, written: Written, tmp_path: Path) -> None:
    whole, alone = written.simulation.files, World(120, 200, 7, channels=(channel,))
    found = write(alone, tmp_path)
    assert found.simulation.channels == {channel: written.simulation.channels[channel]}
    if channel != "web":  # without tills, identify calls name no loyalty card
        for name in found.simulation.files:
            assert name in whole
            assert (tmp_path / name).read_bytes() == (written.out / name).read_bytes()


def test_a_world_of_one_customer_and_one_day_is_written(tmp_path: Path) -> None:
    found = write(World(1, 1, 5), tmp_path)
    assert len(found.truth) == 1
    assert found.simulation.channels["crm"] == len(found.rows("crm")) >= 1
