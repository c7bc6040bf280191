"""Applicability: whether it fits now."""

from pipelines.decide.rule import Rule

RULE = Rule(
    doc="the time of validity; a repair needs an open complaint",
    order=20,
    dropped_when="""
        as_of < valid_from
        OR as_of >= valid_to
        OR (kind = 'repair' AND open_complaint_at IS NULL)
    """,
    reason="""
        CASE
            WHEN as_of < valid_from THEN 'begins on ' || strftime(valid_from, '%Y-%m-%d')
            WHEN as_of >= valid_to THEN 'ended on ' || strftime(valid_to, '%Y-%m-%d')
            ELSE 'there is no open complaint to make good'
        END
    """,
)
