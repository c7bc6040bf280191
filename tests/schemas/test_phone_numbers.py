"""Telephone numbers in international form: what is one number, what is kept apart, what stays."""

from collections.abc import Iterator

import phonenumbers as library
import pytest

from schemas.phone_numbers import international, is_region


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        ("+49301234567", "", "+49301234567"),
        ("+490301234567", "", "+49301234567"),  # +49 (0)30 …
        ("+390612345678", "", "+390612345678"),  # Italy's zero is part of the number
        ("\uff0b\uff14\uff19301234567", "", "+49301234567"),
        ("tel:+49301234567", "", "+49301234567"),
        ("0301234567", "DE", "+49301234567"),
        ("0049301234567", "DE", "+49301234567"),
        ("00490301234567", "DE", "+49301234567"),
        ("01149301234567", "US", "+49301234567"),
        ("2125550010", "US", "+12125550010"),
        ("12125550010", "US", "+12125550010"),
        ("0033123456789", "DE", "+33123456789"),
        ("+12125550010x5", "", "+12125550010;ext=5"),
        ("+12125550010ext5", "", "+12125550010;ext=5"),
        ("+12125550010;5", "", "+12125550010;ext=5"),
        ("2125550010;ext=5", "US", "+12125550010;ext=5"),
    ],
)
def test_one_number_has_one_form(value: str, region: str, expected: str) -> None:
    assert international(value, region) == expected
    assert international(expected, region) == expected


@pytest.mark.parametrize(
    ("value", "region"),
    [
        ("0301234567", ""),
        ("0049301234567", ""),
        ("12125550010", ""),
        ("301234567", "DE"),  # without the trunk prefix it may be a local number of anywhere
        ("1234567", "DE"),
        ("5550010", "US"),
        ("112", "DE"),
        ("+15550100", ""),
        ("+1800FLOWERS", ""),
        ("+4930123home5", ""),
        ("+49301234567+49301234568", ""),
        ("+", "DE"),
        ("", "DE"),
    ],
)
def test_what_is_not_a_number_for_sure_stays(value: str, region: str) -> None:
    assert international(value, region) == value


def test_extensions_keep_people_apart() -> None:
    written = ("+12125550010", "+12125550010x5", "+12125550010x6", "+12125550010x05")
    assert len({international(value, "") for value in written}) == len(written)


def examples() -> Iterator[tuple[str, str, str]]:
    """Region, national and international form of a number of each region and type that the library knows."""
    for region in sorted(library.SUPPORTED_REGIONS):
        for kind in library.PhoneNumberType.values():
            number = library.example_number_for_type(region, kind)
            if number is not None and library.is_valid_number(number):
                written = library.format_number(number, library.PhoneNumberFormat.NATIONAL)
                told = library.format_number(number, library.PhoneNumberFormat.E164)
                yield region, library.normalize_digits_only(written), told


def test_every_country_s_numbers_keep_their_form_and_never_become_another_s() -> None:
    found = list(examples())
    assert len(found) > 1000
    assert [told for _, _, told in found if international(told, "") != told] == []
    national = [(international(national, region), told) for region, national, told in found]
    assert [pair for pair in national if pair[0].startswith("+") and pair[0] != pair[1]] == []
    assert sum(one == other for one, other in national) > 0.97 * len(found)


def test_regions_are_those_of_the_library() -> None:
    assert [is_region(region) for region in ("DE", "de", "XX", "001")] == [True, False, False, False]
