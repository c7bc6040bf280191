"""Value to the customer: never a contact that costs them more than it is worth."""

from pipelines.decide.rule import Rule

RULE = Rule(
    doc="the expected worth to the customer, effort of the contact included, must not be negative",
    order=60,
    dropped_when="value_customer < 0",
    reason="""
        printf(
            'expected to cost the customer %.4f more than it is worth to them (answer expected at %.1f %%)',
            -value_customer,
            100 * p1
        )
    """,
)
