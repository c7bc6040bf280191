"""One household id: a customer's own, or one that stood beside the customer's identifiers on an event."""

from pipelines.know.accounts.rule import GroupRule
from pipelines.know.inputs import THEN

# A household id is an account id, so a second person on it is no part of the same customer: the link is kept, refused.
_LINKED = THEN.format(at="l.occurred_at")
GROUP_RULE = GroupRule(
    doc="people whose events carry one household_id are a household",
    sql=f"""
WITH links AS (
  SELECT left_identifier AS identifier, right_identifier AS household, interaction_id, occurred_at
  FROM identity_links
  WHERE starts_with(right_identifier, 'household_id:')
  UNION ALL
  SELECT right_identifier, left_identifier, interaction_id, occurred_at
  FROM identity_links
  WHERE starts_with(left_identifier, 'household_id:')
),
named AS (
  SELECT i.customer_id, i.identifier AS household, i.identifier, i.identifier AS evidence, s.first_seen_at AS stated_at
  FROM know_identifiers AS i
  JOIN know_seen AS s ON s.identifier = i.identifier
  WHERE i.kind = 'household_id' AND i.valid_from IS NULL AND i.valid_to IS NULL
  UNION ALL
  SELECT i.customer_id, l.household, l.identifier, l.interaction_id, l.occurred_at
  FROM links AS l
  JOIN know_identifiers AS i ON i.identifier = l.identifier{_LINKED}
)
SELECT customer_id, 'household:' || substr(household, length('household_id:') + 1) AS group_id, identifier, evidence,
  stated_at, TRUE AS is_member
FROM named
""",
)
