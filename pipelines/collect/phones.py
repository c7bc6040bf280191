"""Where telephone numbers may be among the identifiers of a record, and how they were spelled.

The library that knows their international form is Python: it is called for the values of kind `phone` alone, and a
plan that cannot have any goes without.
"""

from pipelines.collect.connector import Plan
from schemas.identifiers import PHONE
from schemas.table import IDENTIFIERS, literal, sql_type


def spelled_sql(plan: Plan, cleaned: str) -> str:
    """SQL for the cleaned identifiers of a record with a telephone number, else NULL.

    What was kept or erased under an earlier setting is found by them, and ids that are made of content rest on them.
    """
    has_phone = _has_phone_sql(plan)
    return f"CASE WHEN {has_phone} THEN {cleaned} END" if has_phone else f"NULL::{sql_type(IDENTIFIERS)}"


def may_be_phone(kind: str) -> bool:
    """Whether the SQL expression `kind` may say that an identifier is a telephone number."""
    return kind == literal(PHONE) or not kind.startswith("'")


def _has_phone_sql(plan: Plan) -> str | None:
    """A condition under which a record may have a telephone number; None if no record of the plan has."""
    found = [
        f"value_{n} IS NOT NULL" if kind == literal(PHONE) else f"({kind} = {literal(PHONE)} AND value_{n} IS NOT NULL)"
        for n, (kind, _) in enumerate(plan.identifiers)
        if may_be_phone(kind)
    ]
    listed = "CASE WHEN {0} IS NOT NULL THEN len(list_filter({0}, lambda i: i.kind = {1})) > 0 ELSE FALSE END"
    found += [listed.format(extra, literal(PHONE)) for extra in plan.identifier_lists]  # few records have a list
    return f"({' OR '.join(found)})" if found else None
