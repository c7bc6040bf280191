"""Channels that the company has of its own, as the settings declare them."""

from pathlib import Path

import pytest

from tests.warehouse.homes import settings_of
from warehouse.errors import RapportError
from warehouse.settings import Settings


def test_channels_are_declared_by_name_and_meaning(tmp_path: Path) -> None:
    text = '[channels]\nstore_visit = "a visit to a shop"\n"messe_münchen" = "the fair in autumn"\n'
    assert settings_of(tmp_path, text).channels == {
        "store_visit": "a visit to a shop",
        "messe_münchen": "the fair in autumn",
    }
    assert Settings().channels == {}


@pytest.mark.parametrize("name", ["", "Store", "store-visit", "store visit", "_store", "store_", "store__visit"])
def test_a_name_that_no_channel_can_have_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(RapportError, match=r"\[channels\] '.*' is no name of a channel; use words of small letters"):
        settings_of(tmp_path, f'[channels]\n"{name}" = "x"\n')


def test_a_channel_without_a_meaning_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RapportError, match=r"setting 'channels.store' must be a text, not True"):
        settings_of(tmp_path, "[channels]\nstore = true\n")
