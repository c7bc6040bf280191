"""Telephone numbers in the international form E.164, by the rules of the library `phonenumbers`."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# The number itself, and an extension after a word or sign; `tel:` as in RFC 3966.
_SHAPE = re.compile(r"(?:tel:)?([+\uff0b]?)(\d+)(?:(\D{1,16})(\d{1,20})#?)?", re.IGNORECASE)
_EXTENSION = ";ext="
_KEPT = 65_536  # distinct values remembered; numbers repeat


@lru_cache(_KEPT)
def international(value: str, region: str) -> str:
    """A telephone number without punctuation as `+` and digits, with `;ext=` and digits where it has an extension.

    `region` (ISO 3166, two capital letters) is where numbers without a country code are at home; without it they stay
    as they are. So does everything of which the library does not say for sure whose number it is: one that is written
    internationally must be valid, or possible with nothing taken away; one that is written nationally must be valid and
    have all its digits, the trunk prefix too. The result of a result is the same. About 20 microseconds for a new
    value, 10 for one in this form already, 0.1 for one that was seen.
    """
    shape = _SHAPE.fullmatch(value)
    if shape is None or not (shape[1] or region):
        return value
    plus, digits, sign, extension = shape.groups("")
    main = ("+" if plus else "") + _ascii(digits)
    found = _e164(value, main, sign + _ascii(extension), region)
    return value if found is None else found


def is_region(region: str) -> bool:
    """Whether the library knows the numbers of a region (ISO 3166, two capital letters)."""
    from phonenumbers import SUPPORTED_REGIONS

    return region in SUPPORTED_REGIONS


def _e164(value: str, main: str, suffix: str, region: str) -> str | None:
    import phonenumbers as library

    try:
        number = library.parse(main + suffix, region or None, keep_raw_input=True)
    except library.NumberParseException:
        return None
    extension, number.extension = number.extension, None
    text = library.format_number(number, library.PhoneNumberFormat.E164)
    told = text + (_EXTENSION + extension if extension else "")
    if told == value:  # sure or not
        return told
    if bool(suffix) != bool(extension) or not _is_sure(number, main.removeprefix("+"), text, region):
        return None
    return told


def _is_sure(number: "PhoneNumber", digits: str, text: str, region: str) -> bool:
    import phonenumbers as library

    is_national = number.country_code_source == library.CountryCodeSource.FROM_DEFAULT_COUNTRY
    if not library.is_valid_number(number):
        return not is_national and library.is_possible_number(number) and digits.endswith(text[1:])
    if not is_national:
        return True
    trunk = library.ndd_prefix_for_region(region, True) or ""
    written = library.format_number(number, library.PhoneNumberFormat.NATIONAL)
    return digits in (library.normalize_digits_only(written), trunk + library.national_significant_number(number))


def _ascii(digits: str) -> str:
    return "".join(str(int(digit)) for digit in digits)
