"""One e-mail domain that is none of free mail: an organisation."""

from pipelines.know.accounts.rule import GroupRule

GROUP_RULE = GroupRule(
    doc="people with e-mail addresses of one domain, other than those of free mail, are an organisation",
    sql="""
WITH domains AS (
  SELECT customer_id, identifier, regexp_extract(value, '@([^@ ]+[.][^@ ]+)$', 1) AS domain
  FROM know_identifiers
  WHERE kind = 'email' AND valid_from IS NULL AND valid_to IS NULL
)
SELECT d.customer_id, 'organisation:' || d.domain AS group_id, d.identifier, d.identifier AS evidence,
  s.first_seen_at AS stated_at, TRUE AS is_member
FROM domains AS d
JOIN know_seen AS s ON s.identifier = d.identifier
WHERE d.domain <> '' AND NOT list_contains({free_mail_domains}, d.domain)
""",
)
