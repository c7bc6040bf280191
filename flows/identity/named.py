"""The one identifier, or the customers, that somebody typed."""

import duckdb

from pipelines.resolve.lookup import find
from schemas.identifiers import is_blocked, spellings, split_identifier
from schemas.keys import key_sql
from warehouse.errors import RapportError
from warehouse.settings import IdentitySettings

_ANCHOR = f"""
    SELECT identifier
    FROM identities
    WHERE known_to IS NULL
        AND customer_id = $customer
        AND {key_sql("kind", "value")} = $customer
    LIMIT 1
"""
_CUSTOMERS = """
    SELECT DISTINCT customer_id
    FROM identities
    WHERE known_to IS NULL
        AND identifier = ?
    ORDER BY customer_id
"""


def identifier_named(con: duckdb.DuckDBPyConnection, text: str, settings: IdentitySettings) -> str:
    """The identifier that KIND:VALUE, a bare VALUE or a customer id (whose anchor it is then) names.

    Raises RapportError with the candidates for a value of several, and with what to type for one of nobody.
    """
    found = sorted({identifier for identifier, _ in find(con, text, settings.phone_region)})
    if len(found) == 1:
        return found[0]
    if found:
        raise RapportError(f"'{text}' is {len(found)} identifiers; name one of {', '.join(found)}")
    anchor = con.execute(_ANCHOR, {"customer": text.strip()}).fetchone()
    if anchor is not None:
        return str(anchor[0])
    if is_blocked_name(text, settings):
        raise RapportError(
            f"'{text}' is a value that names nobody, and belongs to no customer; see [identity] settings"
        )
    raise RapportError(
        f"nobody is known by '{text}'; give KIND:VALUE, for example email:ann@example.com "
        '(`rapport sql "FROM current_identities LIMIT 9"` shows some; landed files are known after `rapport run`)'
    )


def is_blocked_name(text: str, settings: IdentitySettings) -> bool:
    """Whether what was typed names nobody by its value, as KIND:VALUE or as a bare VALUE."""
    kind, value = split_identifier(text.strip()) or ("", text)
    values = spellings(kind, value, settings.phone_region)
    return any(is_blocked(value, settings.blocked_values) for value in values)


def customers_of(con: duckdb.DuckDBPyConnection, identifier: str) -> list[str]:
    """The customers that an identifier belongs to now, by id; several where it is theirs on different days."""
    return [customer for (customer,) in con.execute(_CUSTOMERS, [identifier]).fetchall()]
