"""Consent statements that interactions make.

By the name of the event, by the list `consents` in the properties of some events, or by the column `consents`, which
events of any name have. Where that is no event about consent, it repeats what holds (a banner's settings ride on every
page view): of what a person repeats on a day one row stays, the last.
"""

from pipelines.keep.definition import Rollup
from schemas.keys import key_sql
from schemas.table import literals
from schemas.vocabulary import (
    CONSENT_EVENTS,
    CONSENT_LIST_EVENTS,
    CONSENT_STATUSES,
    CONTACT_CHANNELS,
    DENIALS,
    GRANTS,
    OTHER_BASES,
)

_NAMED = {f"{channel}_{sign}": statement for channel in CONTACT_CHANNELS for sign, statement in CONSENT_EVENTS.items()}
_MEMBERS = ("purpose", "channel", "status", "legal_basis", "version", "stated_at", "expires_at", "is_explicit")
_ABOUT_CONSENT = (*_NAMED, *CONSENT_LIST_EVENTS)


_APART = f"CASE WHEN legal_basis IN ({literals(OTHER_BASES)}) THEN legal_basis ELSE '' END"
_OF_THE_EVENT = key_sql("interaction_id", "purpose", "channel", _APART)
_OF_THE_DAY = key_sql(
    "anchor", "purpose", "channel", "status", "legal_basis", "COALESCE(version, '')",
    "COALESCE(expires_at::VARCHAR, '')", "heard_at::DATE::VARCHAR",
)  # fmt: skip
_STRUCT = "STRUCT(" + ", ".join(f"{name} VARCHAR" for name in _MEMBERS) + ")"
_SHAPE = "[{" + ",".join(f'"{name}":"VARCHAR"' for name in _MEMBERS) + "}]"
_BY_NAME = (
    "{'purpose': 'marketing', 'channel': its_channel, 'status': its_status, 'legal_basis': its_basis, "
    "'version': NULL, 'stated_at': NULL, 'expires_at': NULL, 'is_explicit': NULL}"
)


def _by_name(place: int) -> str:
    """The status (place 0) or legal basis (1) that the event's name tells."""
    cases = " ".join(f"WHEN '{name}' THEN '{statement[place]}'" for name, statement in _NAMED.items())
    return f"CASE event_name {cases} END"


# A denial of all purposes beside grants of some is said first: it takes back all others.
_TAKES_ALL_BACK = f"one.purpose = '*' AND one.status IN ({literals(DENIALS)})"
_BEFORE = "INTERVAL 1 MICROSECOND"
_STATED, _EXPIRES = "TRY_CAST(one.stated_at AS TIMESTAMPTZ)", "TRY_CAST(one.expires_at AS TIMESTAMPTZ)"
_LAST = "arg_min(interaction_id, {'at': -epoch_us(stated_at), 'id': interaction_id})"
_STRICTNESS = f"list_position([{literals(CONSENT_STATUSES)}], status)"
_SAME_IN_ALL = (
    "anchor", "purpose", "channel", "status", "legal_basis", "version", "expires_at", "is_explicit",
)  # fmt: skip


def _statements(value: str) -> str:
    """The statements of a JSON expression as a list; NULL for what is no array."""
    return f"CASE WHEN json_type({value}) = 'ARRAY' THEN from_json({value}, '{_SHAPE}') END"


# Of two statements in one event on the same purpose and channel the stricter holds; nobody states after he was heard.
ROLLUP = Rollup(
    doc="consent statements that interactions make",
    keys=("consent_id",),
    select=f"""
        WITH heard AS (
            SELECT interaction_id, anchor, occurred_at, channel AS its_channel, {_by_name(0)} AS its_status,
                {_by_name(1)} AS its_basis, FALSE AS is_repeated,
                list_concat({_statements("(properties -> '$.consents')")}, {_statements("consents")}) AS listed
            FROM {{rows}}
            WHERE event_name IN ({literals(_ABOUT_CONSENT)}) AND anchor IS NOT NULL AND NOT is_machine
            UNION ALL
            SELECT interaction_id, anchor, occurred_at, channel, NULL, NULL, TRUE, {_statements("consents")}
            FROM {{rows}}
            WHERE consents IS NOT NULL AND event_name NOT IN ({literals(_ABOUT_CONSENT)})
                AND anchor IS NOT NULL AND NOT is_machine
        ),
        gathered AS (
            SELECT interaction_id, anchor, occurred_at, is_repeated,
                list_concat(CASE WHEN its_status IS NOT NULL THEN [{_BY_NAME}::{_STRUCT}] END, listed) AS all_of_them
            FROM heard
        ),
        single AS (
            SELECT * EXCLUDE (all_of_them), unnest(all_of_them) AS one,
                len(list_filter(all_of_them, lambda one: one.status IN ({literals(GRANTS)}))) > 0 AS has_grant
            FROM gathered
        ),
        said AS (
            SELECT interaction_id, anchor, is_repeated, occurred_at AS heard_at,
                COALESCE(nullif(one.purpose, ''), 'marketing') AS purpose,
                COALESCE(nullif(one.channel, ''), '*') AS channel,
                one.status AS status,
                COALESCE(nullif(one.legal_basis, ''), CASE one.status WHEN 'denied' THEN 'objection' ELSE 'consent' END)
                    AS legal_basis,
                nullif(one.version, '') AS version,
                LEAST(CASE WHEN {_STATED} >= TIMESTAMPTZ 'epoch' THEN {_STATED} END, occurred_at)
                    - CASE WHEN has_grant AND {_TAKES_ALL_BACK} THEN {_BEFORE} ELSE INTERVAL 0 SECOND END AS stated_at,
                CASE WHEN isfinite({_EXPIRES}) THEN {_EXPIRES} END AS expires_at,
                NOT is_repeated AND one.status <> 'implied'
                    AND COALESCE(one.is_explicit <> 'false', TRUE) AS is_explicit
            FROM single
            WHERE one.status IN ({literals(CONSENT_STATUSES)})
        ),
        named AS (
            SELECT * EXCLUDE (is_repeated),
                CASE WHEN is_repeated THEN {_OF_THE_DAY} ELSE {_OF_THE_EVENT} END AS consent_id
            FROM said
            QUALIFY row_number() OVER (
                PARTITION BY interaction_id, purpose, channel, {_APART}
                ORDER BY {_STRICTNESS}, stated_at DESC, legal_basis, version, expires_at
            ) = 1
        )
        SELECT *
        FROM named
        QUALIFY row_number() OVER (PARTITION BY consent_id ORDER BY stated_at DESC, interaction_id) = 1
    """,
    merge={
        **{name: f"MIN({name})" for name in _SAME_IN_ALL},
        "stated_at": "MAX(stated_at)",
        "heard_at": "MAX(heard_at)",
        "interaction_id": _LAST,
    },
    scope="(i.anchor IN (SELECT anchor FROM keep_retracted) "
    "OR i.interaction_id IN (SELECT interaction_id FROM keep_retracted))",
    span=("stated_at", "heard_at"),
    near=("anchor",),
    gate=f"(event_name IN ({literals(_ABOUT_CONSENT)}) OR consents IS NOT NULL)",
)
