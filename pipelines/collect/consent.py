"""Statements on consent as SQL: the column `consents` of interactions from what sources say.

A statement is {purpose, channel, status, legal_basis, version}; the status is granted or denied, purpose * all.
"""

from pipelines.collect.naming import snake_sql
from schemas.table import literal

_MAP = "'\"MAP(VARCHAR, VARCHAR)\"'"


def purpose_sql(name: str) -> str:
    """The name of a category, scope or document as a purpose: in snake_case."""
    return snake_sql(name)


def statement_sql(purpose: str, channel: str, status: str, basis: str = "'consent'", version: str = "NULL") -> str:
    """One statement of VARCHAR expressions, as a struct."""
    return (
        f"{{'purpose': {purpose}, 'channel': {channel}, 'status': {status}, 'legal_basis': {basis}, "
        f"'version': {version}::VARCHAR}}"
    )


def listed_sql(statements: str) -> str:
    """A list of statements as JSON; NULL for an empty one."""
    return f"CASE WHEN len({statements}) > 0 THEN to_json({statements}) END"


def category_consents_sql(preferences: str, channel: str) -> str:
    """The statements of a JSON object of categories, true or false; none at all denies all purposes."""
    status = "CASE WHEN preference.value = 'true' THEN 'granted' ELSE 'denied' END"
    one = statement_sql(purpose_sql("preference.key"), "its_channel", status)
    everything = statement_sql("'*'", "its_channel", "'denied'")
    entries = f"map_entries(from_json({preferences}, {_MAP}))"
    # The one-element list binds the channel to a name, so that it is computed once and not for each category.
    listed = f"list_transform({entries}, lambda preference: {one})"
    return f"""list_transform([{channel}], lambda its_channel: to_json(
        CASE WHEN len({entries}) = 0 THEN [{everything}] ELSE {listed} END
    ))[1]"""


def bad_categories_sql(preferences: str) -> str:
    """TRUE where a category of a JSON object is neither true nor false."""
    values = f"map_values(from_json({preferences}, {_MAP}))"
    return f"len(list_filter({values}, lambda value: COALESCE(value NOT IN ({_booleans()}), TRUE))) > 0"


def _booleans() -> str:
    return ", ".join(literal(word) for word in ("true", "false"))
