"""One postal address, as people state it in the trait `address`: a household. The group's id is a digest of it."""

from pipelines.know.accounts.rule import GroupRule
from pipelines.know.inputs import THEN
from schemas.keys import key_sql

_PARTS = {
    "street": ("street",),
    "code": ("postalCode", "postal_code", "postcode", "zip"),
    "city": ("city",),
    "country": ("country",),
}


def _part(names: tuple[str, ...]) -> str:
    """The first of several fields of an address that is filled; NULL if none is."""
    filled = (f"nullif(trim(json_extract_string(place, '$.{name}')), '')" for name in names)
    return f"COALESCE({', '.join(filled)})"


_OBJECT = f"concat_ws(' ', {', '.join(_part(names) for names in _PARTS.values())})"
_IS_WHOLE = f"{_part(_PARTS['street'])} IS NOT NULL AND {_part((*_PARTS['code'], *_PARTS['city']))} IS NOT NULL"
# Less than a house number and a place would make one household of a town.
_LEAST_WORDS = 3

GROUP_RULE = GroupRule(
    doc="people who state one postal address (trait address) are a household, until they state another",
    sql=f"""
WITH told AS (
  SELECT i.customer_id, s.anchor AS identifier, s.interaction_id AS evidence, s.stated_at,
    s.value AS text, CASE WHEN starts_with(ltrim(s.value), '{{') AND json_valid(s.value) THEN s.value::JSON END AS place
  FROM statements AS s
  JOIN know_identifiers AS i ON i.identifier = s.anchor{THEN.format(at="s.stated_at")}
  WHERE s.name = 'address'
),
written AS (
  SELECT *, trim(regexp_replace(lower(CASE
    WHEN place IS NULL THEN text
    WHEN {_IS_WHOLE} THEN {_OBJECT}
  END), '[^\\p{{L}}\\p{{N}}]+', ' ', 'g')) AS address
  FROM told
),
moves AS (
  SELECT customer_id, identifier, evidence, stated_at, {key_sql("address")} AS house,
    LAG({key_sql("address")}) OVER (PARTITION BY customer_id ORDER BY stated_at, evidence) AS house_before
  FROM written
  WHERE regexp_matches(address, '[0-9]') AND len(string_split(address, ' ')) >= {_LEAST_WORDS}
)
SELECT customer_id, 'household:' || house AS group_id, identifier, evidence, stated_at, TRUE AS is_member
FROM moves
UNION ALL
SELECT customer_id, 'household:' || house_before, identifier, evidence, stated_at, FALSE
FROM moves
WHERE house_before <> house
""",
)
