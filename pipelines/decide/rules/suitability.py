"""Suitability: whether it is good for the customer."""

from pipelines.decide.rule import Rule

RULE = Rule(
    doc="no selling while a complaint of the last 30 days is open",
    order=30,
    dropped_when="kind = 'offer' AND open_complaint_at IS NOT NULL",
    reason="""
        'complained on ' || strftime(open_complaint_at, '%Y-%m-%d') || '; no selling before it is settled'
    """,
)
