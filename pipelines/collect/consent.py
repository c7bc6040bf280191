"""Statements on consent as SQL: the column `consents` of interactions from what sources say.

A statement is {purpose, channel, status, legal_basis, version} and, where the source tells, {stated_at, expires_at,
is_explicit}; the status is one of `schemas.vocabulary.CONSENT_STATUSES`, purpose * all. What is not said where it is
told, as it repeats a setting, has is_explicit false.
"""

from pipelines.collect.naming import snake_sql
from schemas.table import literals

_MAP = "'\"MAP(VARCHAR, VARCHAR)\"'"


def purpose_sql(name: str) -> str:
    """The name of a category, scope or document as a purpose: in snake_case."""
    return snake_sql(name)


def statement_sql(
    purpose: str, channel: str, status: str, basis: str = "'consent'", version: str = "NULL", **others: str
) -> str:
    """One statement of VARCHAR expressions, as a struct; `others` are further members."""
    further = "".join(f", '{name}': {value}" for name, value in others.items())
    return (
        f"{{'purpose': {purpose}, 'channel': {channel}, 'status': {status}, 'legal_basis': {basis}, "
        f"'version': {version}::VARCHAR{further}}}"
    )


def listed_sql(statements: str) -> str:
    """A list of statements as JSON; NULL for an empty one."""
    return f"CASE WHEN len({statements}) > 0 THEN to_json({statements}) END"


def category_consents_sql(preferences: str, channel: str, repeats: str) -> str:
    """The statements of a JSON object of categories, true or false; none at all denies all purposes.

    Where `repeats` holds, they are marked as no explicit ones.
    """
    told, marked = _of_categories(preferences), _of_categories(preferences, is_explicit="'false'")
    # The one-element list binds the channel to a name, so that it is computed once and not for each category.
    return f"""list_transform([{channel}], lambda its_channel:
        CASE WHEN {repeats} THEN to_json({marked}) ELSE to_json({told}) END
    )[1]"""


def _of_categories(preferences: str, **others: str) -> str:
    status = "CASE WHEN preference.value = 'true' THEN 'granted' ELSE 'denied' END"
    one = statement_sql(purpose_sql("preference.key"), "its_channel", status, **others)
    everything = statement_sql("'*'", "its_channel", "'denied'", **others)
    entries = f"map_entries(from_json({preferences}, {_MAP}))"
    return f"""CASE WHEN len({entries}) = 0 THEN [{everything}]
        ELSE list_transform({entries}, lambda preference: {one}) END"""


def bad_categories_sql(preferences: str) -> str:
    """TRUE where a category of a JSON object is neither true nor false."""
    values = f"map_values(from_json({preferences}, {_MAP}))"
    return f"len(list_filter({values}, lambda value: COALESCE(value NOT IN ({_booleans()}), TRUE))) > 0"


def _booleans() -> str:
    return literals(("true", "false"))
