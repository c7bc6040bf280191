"""What events say about groups of people: one row for each event that names a group.

The id of the group is `groupId` of a call, `group_id` among its traits or properties, or `context.groupId`. Of the
traits, group_kind, role, member_from, member_until and is_member speak of the person's membership, all others of the
group. An event with a time that cannot be read says nothing.
"""

from pipelines.keep.definition import Rollup
from schemas.table import literal, literals
from schemas.vocabulary import JOIN_EVENTS, LEAVE_EVENTS

_EVENTS = literals((*JOIN_EVENTS, *LEAVE_EVENTS))
_OF_THE_MEMBERSHIP = ("group_id", "group_kind", "role", "member_from", "member_until", "is_member")
_LEAVE = literals(LEAVE_EVENTS)
_KIND = "organisation"
_NO = "'false', 'no', '0'"
_PATHS = ("$.groupId", "$.traits.group_id", "$.group_id", "$.context.groupId")
_TAKEN_OUT = literal("{" + ",".join(f'"{name}":null' for name in _OF_THE_MEMBERSHIP) + "}")
# Beyond these years a time stands for never; DuckDB and Python agree on all between.
_FIRST, _LAST = "TIMESTAMPTZ '1000-01-01 00:00:00+00'", "TIMESTAMPTZ '9000-01-01 00:00:00+00'"


def _text(path: str) -> str:
    return f"nullif(trim(json_extract_string(properties, '{path}')), '')"


def _member(name: str) -> str:
    return f"COALESCE({_text(f'$.traits.{name}')}, {_text(f'$.{name}')})"


def _word(text: str) -> str:
    return f"trim(regexp_replace(lower({text}), '[^\\p{{L}}\\p{{N}}]+', '_', 'g'), '_')"


ROLLUP = Rollup(
    doc="what events say about groups of people and who belongs to them",
    keys=("interaction_id",),
    select=f"""
        WITH calls AS (
            SELECT interaction_id, anchor, occurred_at, event_name, properties
            FROM {{rows}}
            WHERE event_name IN ({_EVENTS}) AND properties IS NOT NULL
        ),
        named AS (
            SELECT interaction_id, anchor, occurred_at,
                COALESCE({", ".join(_text(path) for path in _PATHS)}) AS value,
                COALESCE(nullif({_word(_member("group_kind"))}, ''), '{_KIND}') AS kind,
                {_member("role")} AS role,
                {_member("member_from")} AS from_text,
                {_member("member_until")} AS until_text,
                event_name NOT IN ({_LEAVE})
                    AND COALESCE(lower({_member("is_member")}) NOT IN ({_NO}), TRUE) AS is_member,
                CASE WHEN event_name = '{JOIN_EVENTS[0]}' AND json_type(properties, '$.traits') = 'OBJECT'
                    THEN nullif(json_merge_patch(properties -> '$.traits', {_TAKEN_OUT})::VARCHAR, '{{}}') END AS traits
            FROM calls
        ),
        timed AS (
            SELECT *, TRY_CAST(from_text AS TIMESTAMPTZ) AS from_at, TRY_CAST(until_text AS TIMESTAMPTZ) AS until_at
            FROM named
            WHERE value IS NOT NULL
        )
        SELECT interaction_id, anchor, kind || ':' || value AS group_id, is_member, role,
            COALESCE(CASE WHEN NOT is_member AND until_at BETWEEN {_FIRST} AND {_LAST} THEN until_at END,
                CASE WHEN from_at BETWEEN {_FIRST} AND {_LAST} THEN from_at END, occurred_at) AS valid_from,
            CASE WHEN is_member AND until_at BETWEEN {_FIRST} AND {_LAST} THEN until_at END AS valid_to,
            traits::JSON AS traits, occurred_at AS stated_at
        FROM timed
        WHERE (from_text IS NULL OR from_at IS NOT NULL) AND (until_text IS NULL OR until_at IS NOT NULL)
    """,
    merge={},
    span=("stated_at", "stated_at"),
    near=("anchor",),
    gate=f"event_name IN ({_EVENTS})",
)
