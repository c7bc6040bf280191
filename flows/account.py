"""One account as people ask for it: the group, who belongs to it in which role, its traits."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.table import JSON
from warehouse.errors import RapportError
from warehouse.queries import records
from warehouse.reader import LakeReader

GROUP = "group:"
MEMBER_LIMIT = 50
_FOUND = """
    SELECT group_id, kind, name, traits, first_seen_at
    FROM groups
    WHERE group_id = $text OR substr(group_id, strpos(group_id, ':') + 1) = $text
    ORDER BY group_id <> $text, group_id
"""
_MEMBERS = """
    SELECT m.customer_id, COALESCE(p.anchor, m.identifier) AS anchor, m.role, m.rule, m.valid_from, m.valid_to
    FROM memberships AS m
    LEFT JOIN profiles AS p USING (customer_id)
    WHERE m.group_id = $group_id
    ORDER BY m.valid_to DESC NULLS FIRST, anchor, m.valid_from
    LIMIT $limit
"""


@dataclass(frozen=True)
class Account:
    """What is known of one group; `stated` is what was said of it, `traits` are by column, those of customers.

    `members` are the newest spans of membership, at most `MEMBER_LIMIT`, former ones last; `member_count` counts the
    customers who belong to it at `as_of`, which is None where none of them did anything yet.
    """

    group_id: str
    kind: str
    name: str | None
    stated: dict[str, Any]
    first_seen_at: datetime
    as_of: datetime | None
    member_count: int
    members: list[dict[str, Any]]
    traits: dict[str, Any]


def read_account(lake: LakeReader, text: str) -> Account:
    """The account behind a group's id, or its VALUE alone if one group has it. Raises RapportError if it is not one."""
    found = records(lake.execute(_FOUND, {"text": text}))
    if len(found) > 1 and found[0]["group_id"] != text:
        listed = ", ".join(row["group_id"] for row in found)
        raise RapportError(f"'{text}' is the value of {len(found)} groups; name one of {listed}")
    if not found:
        raise RapportError(
            f"no group is known by '{text}'; give KIND:VALUE, for example organisation:acme "
            '(`rapport sql "FROM groups LIMIT 9"` shows some)'
        )
    group = found[0]
    chosen = {"group_id": group["group_id"]}
    profile = next(iter(records(lake.execute("SELECT * FROM account_profiles WHERE group_id = $group_id", chosen))), {})
    return Account(
        group_id=group["group_id"],
        kind=group["kind"],
        name=group["name"],
        stated=json.loads(group["traits"]),
        first_seen_at=group["first_seen_at"],
        as_of=profile.get("as_of"),
        member_count=profile.get("member_count", 0),
        members=records(lake.execute(_MEMBERS, {**chosen, "limit": MEMBER_LIMIT})),
        traits=_traits(profile),
    )


def _traits(profile: dict[str, Any]) -> dict[str, Any]:
    from pipelines.know.traits import trait_columns

    columns = trait_columns() if profile else ()
    values = ((column, profile.get(column.name)) for column in columns)
    return {
        column.name: json.loads(value) if column.type == JSON and value is not None else value
        for column, value in values
    }
