"""What customers allow at a time: the statement that decides, by purpose and channel; one rule for all who ask.

The newest explicit statement of a customer decides; of one instant, the stricter. What is no explicit statement (a
setting that events repeat, a consent taken as given) counts against its like of the same identifier, and takes back
nothing that anybody denied: of two identifiers that turn out to be one customer's the stricter holds, unless there is
a newer explicit grant. A grant that has expired, or that a statement `expired` ended, was never made: what was denied
before it holds again. A statement on all purposes or channels (`*`) counts for each.

Legal bases other than consent are kept apart: they neither grant nor deny consent. A claim of legitimate interest
falls with an objection.
"""

from schemas.table import literal, literals
from schemas.vocabulary import CONTACT_CHANNELS, DENIALS, GRANTS, LEGITIMATE_INTERESTS, OTHER_BASES

# What the statement that decides says of itself, and where it stands.
EVIDENCE = (
    "legal_basis", "version", "stated_at", "expires_at", "is_explicit", "anchor", "consent_id", "interaction_id",
)  # fmt: skip
_LEGITIMATE = literal(LEGITIMATE_INTERESTS[0])


_CLAIMS = f"s.legal_basis IN ({literals(LEGITIMATE_INTERESTS)}) AND s.status NOT IN ({literals(DENIALS)})"
_BASIS = f"""CASE
      WHEN s.legal_basis IN ({literals(OTHER_BASES)}) THEN s.legal_basis
      WHEN {_CLAIMS} THEN {_LEGITIMATE}
      ELSE 'consent'
    END"""

# The statements of customers; an identifier that people share is a customer's for some days.
SPOKEN = """SELECT i.customer_id, c.*
    FROM consents AS c
    JOIN identities AS i ON i.identifier = c.anchor
      AND i.known_to IS NULL
      AND COALESCE(c.heard_at, c.stated_at) >= COALESCE(i.valid_from, c.heard_at, c.stated_at)
      AND (i.valid_to IS NULL OR COALESCE(c.heard_at, c.stated_at) < i.valid_to)"""
# What is asked for: all that statements and offers name, and `*`, which stands for the rest.
PURPOSES = """SELECT purpose AS name FROM consents
  UNION
  SELECT name FROM (SELECT purpose AS name FROM offers UNION ALL SELECT unnest(['*', 'marketing']))"""
CHANNELS = f"""SELECT unnest(['*', {literals(CONTACT_CHANNELS)}]) AS name
  UNION
  SELECT channel FROM consents"""
# The view has no clock: it asks at the as_of of the last run.
_LAST_RUN = "(SELECT MAX_BY(as_of, commit_seq) FROM premises)"


def states_sql(at: str, spoken: str = SPOKEN, purposes: str = PURPOSES, channels: str = CHANNELS) -> str:
    """A query for a row per customer, purpose and channel on which the customer said anything.

    `at` is SQL for the time at which expiry is considered; NULL: nothing has expired. `spoken` is a query with the
    columns of `consents` and `customer_id`; `purposes` and `channels` give a column `name`, each value once.

    Columns: customer_id, purpose, channel, `status` (granted; implied: taken as given; denied; expired; NULL: nothing
    was said of consent), those of `EVIDENCE` for the statement that decides, and `other_bases`, the legal bases that
    stand beside consent.
    """
    evidence = "\n".join(f"  MAX({name}) FILTER (basis = 'consent') AS {name}," for name in EVIDENCE)
    status = "MAX(status) FILTER (basis = 'consent')"
    return f"""{_decided(at, spoken, purposes, channels, "customer_id, purpose, channel")}
SELECT customer_id, purpose, channel,
  {status} AS status,
{evidence}
  COALESCE(
    list(basis ORDER BY basis) FILTER (
      basis <> 'consent' AND status IN ({literals(GRANTS)}) AND (basis <> {_LEGITIMATE} OR NOT is_denied)
    ),
    []
  ) AS other_bases
FROM decided
GROUP BY customer_id, purpose, channel"""


def versions_sql(at: str) -> str:
    """The same by version of the wording, of consent alone: what the customer said last under each."""
    shown = ", ".join(name for name in EVIDENCE if name != "version")
    return f"""{_decided(at, SPOKEN, PURPOSES, CHANNELS, "customer_id, purpose, channel, version")}
SELECT customer_id, purpose, channel, version, status, {shown}
FROM decided
WHERE basis = 'consent'"""


def _decided(at: str, spoken: str, purposes: str, channels: str, keys: str) -> str:
    """The first part of a query: `decided` has the statement that decides for `keys` and each legal basis."""
    same = f"PARTITION BY {keys}, basis"
    order = "is_forbidding DESC, is_granting DESC, is_explicit DESC, stated_at DESC, consent_id"
    return f"""WITH asked_purposes AS (
  {purposes}
),
asked_channels AS (
  {channels}
),
of_purposes AS (
  SELECT name AS said, name FROM asked_purposes
  UNION
  SELECT '*', name FROM asked_purposes
),
of_channels AS (
  SELECT name AS said, name FROM asked_channels
  UNION
  SELECT '*', name FROM asked_channels
),
spoken AS (
  {spoken}
),
said AS (
  SELECT s.customer_id, s.anchor, s.consent_id, s.interaction_id, s.status, s.legal_basis, s.version, s.stated_at,
    s.expires_at, p.name AS purpose, c.name AS channel,
    COALESCE(s.is_explicit, TRUE) AND s.status <> 'implied' AS is_explicit,
    {_BASIS} AS basis
  FROM spoken AS s
  JOIN of_purposes AS p ON p.said = s.purpose
  JOIN of_channels AS c ON c.said = s.channel
),
valid AS (
  SELECT *,
    status IN ({literals(GRANTS)})
      AND COALESCE(expires_at > {at}, TRUE)
      AND COALESCE(stated_at > MAX(stated_at) FILTER (status = 'expired') OVER ({same}), TRUE) AS is_granting
  FROM said
),
weighed AS (
  SELECT *,
    MAX(stated_at) FILTER (is_granting AND is_explicit) OVER ({same}) AS granted_at,
    MAX(stated_at) FILTER (is_granting) OVER ({same}, anchor) AS repeated_at
  FROM valid
),
judged AS (
  SELECT *,
    status IN ({literals(DENIALS)})
      AND COALESCE(stated_at >= granted_at, TRUE)
      AND (is_explicit OR COALESCE(stated_at >= repeated_at, TRUE)) AS is_forbidding
  FROM weighed
),
decided AS (
  SELECT * EXCLUDE (status),
    CASE WHEN is_forbidding THEN 'denied' WHEN is_granting THEN status ELSE 'expired' END AS status,
    MAX(basis = 'consent' AND is_forbidding) OVER (PARTITION BY {keys}) AS is_denied
  FROM judged
  QUALIFY row_number() OVER ({same} ORDER BY {order}) = 1
)"""


CONSENT_STATES = states_sql(_LAST_RUN)
CONSENT_VERSIONS = versions_sql(_LAST_RUN)
