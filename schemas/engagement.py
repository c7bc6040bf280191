"""When a machine opens a message and follows its links, told by several events of that message together.

Two rules, each over events of one message (source and contact_id) that lie within seconds of one another:

every_link  within `delivery_seconds` of a sign that the message went out or arrived, before or after it, as many as
            `least_links` different links were clicked. A scanner follows every link; which a message has no provider
            tells, so that many stand for all of them. All that was done within these seconds is a machine's.
one_agent   one agent (user agent and address) opened the message and clicked `least_links` different links, all within
            `agent_seconds` of the opening: what it did within these seconds is a machine's.

A rule looks no further than twice its seconds, so events that come late, or go again, change marks near them alone.
"""

from schemas.table import literal, literals
from schemas.vocabulary import DELIVERED_SIGNS, OPENED_SIGNS, SENT_SIGNS, contact_events

EVERY_LINK, ONE_AGENT = "every_link", "one_agent"
# More than that is no haste any more.
MOST_SECONDS = 1800

_REACHED = contact_events(SENT_SIGNS + DELIVERED_SIGNS)
_OPENED = contact_events(OPENED_SIGNS)
_CLICKED = contact_events(("clicked",))
# What a link in a message may do besides: it is marked, too, but it is no evidence, as people do it in haste.
_DONE_BY_LINK = contact_events(("unsubscribed", "subscribed"))

# Where providers write the link, the user agent and the address of who opened or clicked; in `properties`.
_LINKS = (
    "click.link", "data.click.link", "data.morph.url", "data.meta.url", "event_data.url", "payload.url",
    "msys.track_event.target_link_url", "target_link_url", "OriginalLink", "link", "link_url", "URL", "url",
)  # fmt: skip
_AGENTS = (
    "useragent", "user_agent", "userAgent", "UserAgent", "agent", '"client-info"."user-agent"', "click.userAgent",
    "open.userAgent", "data.click.userAgent", "data.open.userAgent", "data.morph.user_agent", "data.meta.user_agent",
    "event_data.delivery_info.user_agent", "payload.user_agent", "msys.track_event.user_agent", "context.userAgent",
)  # fmt: skip
_ADDRESSES = (
    "ip", "ip_address", "ipAddress", "Geo.IP", "click.ipAddress", "open.ipAddress", "data.click.ipAddress",
    "data.open.ipAddress", "data.morph.ip", "data.meta.ip", "event_data.delivery_info.ip", "payload.ip_address",
    "msys.track_event.ip_address", "context.ip",
)  # fmt: skip


def _is(names: tuple[str, ...]) -> str:
    return f"event_name IN ({literals(names)})"


def _first(paths: tuple[str, ...]) -> str:
    """The first of the members of `properties` at `paths` that is there: what is meant by it comes before `url`."""
    listed = ", ".join(literal(f"$.{path}") for path in paths)
    return f"list_filter(json_extract_string(properties, [{listed}]), lambda found: found <> '')[1]"


IS_SIGN = f"contact_id IS NOT NULL AND {_is((*_REACHED, *_OPENED, *_CLICKED, *_DONE_BY_LINK))}"
LINK = _first(_LINKS)
AGENT = f"concat_ws(' ', {_first(_AGENTS)}, {_first(_ADDRESSES)})"
_NEAR = "RANGE BETWEEN {span} PRECEDING AND {span} FOLLOWING"
_WINDOWS = f"""
        of_message AS (PARTITION BY source, contact_id ORDER BY moment {_NEAR.format(span="delivery_span")}),
        of_agent AS (PARTITION BY source, contact_id, agent ORDER BY moment {_NEAR.format(span="agent_span")})
"""


def marked_sql(rows: str, delivery_seconds: str, agent_seconds: str, least_links: str) -> str:
    """A query for what the rules mark among the interactions of relation `rows`; the last three are SQL numbers.

    Columns: those of table machine_engagements but the commit. A rule of 0 seconds is off.
    """
    return f"""
    WITH suspects AS (
        SELECT source, contact_id
        FROM {rows} AS clicks
        WHERE contact_id IS NOT NULL AND {_is(_CLICKED)}
        GROUP BY source, contact_id
        HAVING COUNT(*) >= {least_links}
    ),
    signs AS (
        SELECT interaction_id, source, contact_id, anchor, channel, event_name, occurred_at,
            epoch_us(occurred_at) AS moment,
            CAST(1000000 * {delivery_seconds} AS BIGINT) AS delivery_span,
            CAST(1000000 * {agent_seconds} AS BIGINT) AS agent_span,
            {_is(_REACHED)} AS has_reached,
            {_is(_OPENED)} AS is_opening,
            CASE WHEN {_is(_CLICKED)} THEN {LINK} END AS link,
            CASE WHEN NOT {_is(_REACHED)} THEN nullif({AGENT}, '') END AS agent
        FROM {rows} AS happened
        SEMI JOIN suspects USING (source, contact_id)
        WHERE {IS_SIGN}
    ),
    counted AS (
        SELECT *,
            has_reached AND delivery_span > 0 AND COUNT(DISTINCT link) OVER of_message >= {least_links} AS is_sweep,
            is_opening AND agent IS NOT NULL AND agent_span > 0
                AND COUNT(DISTINCT link) OVER of_agent >= {least_links} AS is_race
        FROM signs
        WINDOW {_WINDOWS}
    ),
    judged AS (
        SELECT *, bool_or(is_sweep) OVER of_message AS is_swept, bool_or(is_race) OVER of_agent AS is_raced
        FROM counted
        WINDOW {_WINDOWS}
    )
    SELECT interaction_id, source, contact_id, anchor, channel, event_name, occurred_at,
        CASE WHEN is_swept THEN {literal(EVERY_LINK)} ELSE {literal(ONE_AGENT)} END AS rule
    FROM judged
    WHERE NOT has_reached AND (is_swept OR is_raced)
    """


def is_machine_sql(marks: str) -> str:
    """Whether a machine did an interaction, by its own record or by the `marks` (a relation with interaction_id)."""
    return f"(is_machine OR interaction_id IN (SELECT interaction_id FROM {marks})) AS is_machine"
