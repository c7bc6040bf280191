"""Contact policy: whether there is room for one more contact."""

from pipelines.decide.rule import Rule

RULE = Rule(
    doc="contacts of 7 days against the cap; transactional and service messages are exempt",
    order=50,
    dropped_when="purpose NOT IN ('transactional', 'service') AND contact_7d_count >= contacts_per_week",
    reason="""
        printf(
            'had %d contact%s in the last 7 days; at most %d %s allowed',
            contact_7d_count,
            CASE WHEN contact_7d_count = 1 THEN '' ELSE 's' END,
            contacts_per_week,
            CASE WHEN contacts_per_week = 1 THEN 'is' ELSE 'are' END
        )
    """,
)
