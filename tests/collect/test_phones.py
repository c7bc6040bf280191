"""Telephone numbers among the identifiers of a record."""

from typing import Any

import pytest

from tests.collect.segment_calls import lines, track
from tests.collect.staged import stage
from warehouse.settings import IdentitySettings, Settings

MAPPING = """
[constants]
channel = "call"
event_name = "call"
direction = "inbound"
initiator = "customer"
[columns]
occurred_at = "at"
[identifiers]
phone = "number"
"""


def german(**said: Any) -> Settings:
    return Settings(threads=1, identity=IdentitySettings(phone_region="DE", **said))


def phones(identifiers: list[dict[str, str]]) -> list[str]:
    return [i["value"] for i in identifiers if i["kind"] == "phone"]


def test_a_number_of_a_trait_and_of_an_external_id_are_one() -> None:
    traits = {"phone": "030 / 123-4567"}
    external = [
        {"type": "phone", "id": "+49 (0)30 1234567"},
        {"type": "phone", "id": "030 1"},
        {"type": "x", "id": "1"},
    ]
    call = track(type="identify", event=..., traits=traits, context={"externalIds": external})
    found = stage("segment", lines(call), settings=german()).accepted()["identifiers"]
    assert phones(found) == ["+49301234567", "0301"]
    assert {"kind": "x", "value": "1"} in found
    assert found == sorted(found, key=lambda i: (i["kind"], i["value"]))


@pytest.mark.parametrize("blocked", ["+49301234567", "0301234567"])
def test_a_number_is_blocked_in_either_spelling(blocked: str) -> None:
    call = track(type="identify", event=..., traits={"phone": "030 1234567"})
    staged = stage("segment", lines(call), settings=german(blocked_values=(blocked,)))
    assert staged.accepted()["identifiers"] == [{"kind": "user_id", "value": "u1"}]


def test_without_a_region_nothing_is_guessed() -> None:
    call = track(type="identify", event=..., traits={"phone": "030 1234567"})
    assert phones(stage("segment", lines(call)).accepted()["identifiers"]) == ["0301234567"]


def test_ids_that_are_made_of_content_are_the_same_under_any_region() -> None:
    rows = "at,number\n2024-01-01T10:00:00Z,030 1234567\n2024-01-01T10:00:00Z,+49 30 1234567\n"
    plain, told = (stage("table", rows, mapping=MAPPING, settings=each) for each in (None, german()))
    assert plain.rows("interaction_id") == told.rows("interaction_id")
    assert plain.rows("anchor") == [("phone:0301234567",), ("phone:+49301234567",)]
    assert told.rows("anchor") == [("phone:+49301234567",)] * 2
