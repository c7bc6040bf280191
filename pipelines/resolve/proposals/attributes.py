"""The attributes that are compared: from which stated traits they come, and how each is normalised."""

from collections.abc import Iterable

from schemas.identifiers import blocked_sql, cleaned_sql
from schemas.table import literal, literals

# Names of traits by attribute, without case and punctuation; Segment's own, and what other systems call them.
NAMES: dict[str, tuple[str, ...]] = {
    "given": ("firstname", "givenname", "forename", "first"),
    "surname": ("lastname", "surname", "familyname", "last"),
    "full": ("name", "fullname"),
    "birth": ("birthday", "birthdate", "dateofbirth", "dob", "born"),
    "number": ("personalnumber", "nationalid", "taxid", "ssn", "socialsecuritynumber", "socsecid", "insurancenumber"),
    "email": ("email", "emailaddress", "mail"),
    "phone": ("phone", "phonenumber", "mobile", "mobilephone", "telephone"),
    "street": ("street", "street1", "line1", "address1", "addressline1", "streetaddress", "address"),
    "extra": ("street2", "line2", "address2", "addressline2"),
    "house": ("housenumber", "streetnumber"),
    "place": ("city", "town", "suburb", "locality"),
    "postcode": ("postcode", "postalcode", "zip", "zipcode"),
}
ADDRESS = "address"
# Dates that forms fill in where nobody said one.
NO_BIRTHS = ("19000101", "19700101", "20000101")
# What is compared: `full` gives names, and the mailbox is the e-mail address before the @.
COLUMNS = ("given", "surname", "birth", "number", "email", "mailbox", "phone", *("street", "extra", "house", "place"),
           "postcode")  # fmt: skip

_LEAST_DIGITS = 6
_PHONE_DIGITS = 9  # national numbers with and without country code and leading zero end alike
_NUMBERED = r"\d{1,5}[a-z]?"


def attributes_sql() -> str:
    """VALUES of all names of traits with their attributes: rows (name, attribute)."""
    pairs = ((name, attribute) for attribute, names in NAMES.items() for name in names)
    return "VALUES " + ", ".join(f"({literal(name)}, {literal(attribute)})" for name, attribute in pairs)


def plain_name_sql(name: str) -> str:
    """SQL for the name of a trait without case and punctuation."""
    return f"lower(regexp_replace({name}, '[^A-Za-z0-9]', '', 'g'))"


def words_sql(text: str) -> str:
    """SQL for a text in lower case without accents, its words separated by single spaces; NULL if there are none."""
    spaced = rf"regexp_replace(lower(strip_accents({text})), '[^\p{{L}}\p{{N}}]+', ' ', 'g')"
    return f"nullif(trim({spaced}), '')"


def letters_sql(text: str) -> str:
    """SQL for a text in lower case without accents, spaces and punctuation; NULL if nothing is left."""
    return rf"nullif(regexp_replace(lower(strip_accents({text})), '[^\p{{L}}\p{{N}}]+', '', 'g'), '')"


def normalised_attributes_sql(blocked: Iterable[str]) -> str:
    """Select list that makes `COLUMNS` of the stated attributes (columns `given`, `full`, …), each NULL if unknown.

    A full name gives the names that are not stated by themselves: the last word is the surname, or what stands before
    a comma. A house number at either end of the street is taken out of it. Values that name nobody are unknown.
    """
    listed = tuple(blocked)
    expressions = {
        "given": f"coalesce({letters_sql('given')}, {letters_sql(_GIVEN_OF_FULL)})",
        "surname": f"coalesce({letters_sql('surname')}, {letters_sql(_SURNAME_OF_FULL)})",
        "birth": _BIRTH,
        "number": _long_enough("regexp_replace(upper(number), '[^A-Z0-9]', '', 'g')"),
        "email": f"CASE WHEN contains(email, '@') THEN {cleaned_sql(literal('email'), 'email')} END",
        "mailbox": f"CASE WHEN strpos(email, '@') > {_LEAST_DIGITS} THEN lower(split_part(trim(email), '@', 1)) END",
        "phone": f"right({_long_enough(_DIGITS)}, {_PHONE_DIGITS})",
        "street": f"coalesce({letters_sql(_STREET_ALONE)}, {letters_sql('street')})",
        "extra": letters_sql("extra"),
        "house": f"coalesce({letters_sql('house')}, nullif(trim({_HOUSE_OF_STREET}), ''))",
        "place": letters_sql("place"),
        "postcode": "nullif(upper(regexp_replace(postcode, '[^A-Za-z0-9]', '', 'g')), '')",
    }
    known = {
        name: f"CASE WHEN {blocked_sql(name, listed)} THEN NULL ELSE {sql} END" for name, sql in expressions.items()
    }
    known |= {name: expressions[name] for name in ("given", "surname", "mailbox")}
    return ", ".join(f"{known[name]} AS {name}" for name in COLUMNS)


def _long_enough(text: str) -> str:
    return f"CASE WHEN length({text}) >= {_LEAST_DIGITS} THEN {text} END"


_GIVEN_OF_FULL = (
    r"""CASE WHEN contains("full", ',') THEN split_part("full", ',', 2) """
    r"""ELSE regexp_extract(trim("full"), '^(\S+)\s+.*\S$', 1) END"""
)
_SURNAME_OF_FULL = (
    r"""CASE WHEN contains("full", ',') THEN split_part("full", ',', 1) """
    r"""ELSE regexp_extract(trim("full"), '^\S+\s+(?:.*\s)?(\S+)$', 1) END"""
)
_DIGITS = "ltrim(regexp_replace(phone, '[^0-9]', '', 'g'), '0')"
# YYYYMMDD from ISO 8601 (with a time, too), from eight digits, and from day, month and year in this order.
_YEAR_FIRST = r"^\s*(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})(?:[T ].*)?$"
_YEAR_LAST = r"^\s*(\d{1,2})[-/. ]+(\d{1,2})[-/. ]+(\d{4})\s*$"


def _date_sql(pattern: str, year: int, month: int, day: int) -> str:
    def part(group: int) -> str:
        return f"regexp_extract(birth, {literal(pattern)}, {group})"

    return f"{part(year)} || lpad({part(month)}, 2, '0') || lpad({part(day)}, 2, '0')"


_DATE = (
    f"CASE WHEN regexp_matches(birth, {literal(_YEAR_FIRST)}) THEN {_date_sql(_YEAR_FIRST, 1, 2, 3)} "
    f"WHEN regexp_matches(birth, {literal(_YEAR_LAST)}) THEN {_date_sql(_YEAR_LAST, 3, 2, 1)} END"
)
_BIRTH = f"CASE WHEN ({_DATE}) NOT IN ({literals(NO_BIRTHS)}) THEN {_DATE} END"
_STREET_WORDS = words_sql("street")
_HOUSE_OF_STREET = f"regexp_extract({_STREET_WORDS}, {literal(f'^{_NUMBERED} | {_NUMBERED}$')})"
_STREET_ALONE = f"regexp_replace({_STREET_WORDS}, {literal(f'^{_NUMBERED} | {_NUMBERED}$')}, '')"
