"""Consent: whether a channel is left on which the customer accepts this purpose."""

from pipelines.decide.rule import Rule

RULE = Rule(
    doc="purpose x channel; a denied channel falls out, the offer only with its last one",
    order=40,
    dropped_when="len(open_channels) = 0",
    reason="""
        'denied ' || purpose || ' on every channel that has content ('
        || array_to_string(channels, ', ') || ')'
    """,
)
