"""Eligibility: whether the customer may have it."""

from pipelines.decide.rule import Rule

RULE = Rule(
    doc="the conditions that the catalogue sets on the customer's profile",
    order=10,
    dropped_when="unmet IS NOT NULL",
    reason="unmet",
)
