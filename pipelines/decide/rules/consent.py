"""Consent: whether a channel is left on which the customer accepts this purpose."""

from pipelines.decide.rule import Rule

RULE = Rule(
    doc="purpose x channel; a channel that is denied, or not granted where a grant is needed, falls out, the offer "
    "only with its last one",
    order=40,
    dropped_when="len(open_channels) = 0",
    reason="""
        CASE
            WHEN needs_grant THEN 'did not grant ' || purpose || ' on a channel that has content ('
                || array_to_string(channels, ', ') || ')'
                || COALESCE('; denied ' || nullif(array_to_string(denied_since, ', '), ''), '')
            ELSE 'denied ' || purpose || ' on every channel that has content ('
                || array_to_string(denied_since, ', ') || ')'
        END
    """,
)
