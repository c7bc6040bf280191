"""What the connectors of e-mail providers share: canonical events, who does them, addresses and dates of messages."""

from collections.abc import Iterable, Mapping

from pipelines.collect.connector import Field
from pipelines.collect.naming import cases_sql
from schemas.scanners import is_scanner_sql, is_security_scanner_sql
from schemas.table import literal, literals

# canonical name -> (direction, initiator); wire formats: e-mail.
EMAIL_EVENTS: Mapping[str, tuple[str, str]] = {
    "email_sent": ("outbound", "company"),
    "email_delivered": ("outbound", "company"),
    "email_deferred": ("outbound", "company"),
    "email_bounced": ("outbound", "company"),
    "email_rejected": ("outbound", "company"),
    "email_failed": ("outbound", "company"),
    "email_opened": ("inbound", "customer"),
    "email_clicked": ("inbound", "customer"),
    "email_complained": ("inbound", "customer"),
    "email_unsubscribed": ("inbound", "customer"),
    "email_subscribed": ("inbound", "customer"),
    "email_replied": ("inbound", "customer"),
}
REPLIED = "email_replied"
_BY_PERSON = tuple(name for name, (direction, _) in EMAIL_EVENTS.items() if direction == "inbound")


def canonical_sql(wire: str, names: Mapping[str, str], unknown: str) -> str:
    """SQL for the canonical name of a wire name (VARCHAR expression); `unknown` where `names` does not hold it.

    Raises KeyError where `names` gives a name that is not in `EMAIL_EVENTS`.
    """
    for name in names.values():
        EMAIL_EVENTS[name]
    return cases_sql(wire, names, literal(unknown))


def event_fields(event_name: str) -> dict[str, Field]:
    """The fields that follow from the canonical name (an expression, repeated three times: name a column).

    What is unknown counts as the company's own doing.
    """
    by_person = f"({event_name}) IN ({literals(_BY_PERSON)})"
    return {
        "event_name": Field(event_name),
        "channel": Field("'email'"),
        "direction": Field(f"CASE WHEN {by_person} THEN 'inbound' ELSE 'outbound' END"),
        "initiator": Field(f"CASE WHEN {by_person} THEN 'customer' ELSE 'company' END"),
    }


def is_scanned_sql(event_name: str, user_agent: str) -> str:
    """SQL: the canonical event is a program's, by its user agent. Repeats both expressions.

    An unsubscribe is one only where the agent is a security product's: left out wrongly, a person's wish would be lost.
    """
    return f"""CASE
        WHEN {event_name} IN ('email_opened', 'email_clicked') THEN {is_scanner_sql(user_agent)}
        WHEN {event_name} = 'email_unsubscribed' THEN {is_security_scanner_sql(user_agent)}
        ELSE FALSE
    END"""


def address_sql(text: str) -> str:
    """SQL for the address in the text of a header, `Name <name@example.com>` or the bare address; the first of several.

    NULL for a text without an address. Repeats `text` twice.
    """
    # A quoted name may hold anything, an address too.
    unquoted = f"""regexp_replace({text}, '"(?:[^"\\\\]|\\\\.)*"', '', 'g')"""
    angled = f"regexp_extract({unquoted}, '<\\s*([^<>]*@[^<>]*?)\\s*>', 1)"
    bare = f"regexp_extract({unquoted}, '[^\\s<>,;:()]+@[^\\s<>,;:()]+')"
    return f"COALESCE(nullif({angled}, ''), nullif({bare}, ''))"


def mail_date_sql(text: str) -> str:
    """SQL for the time of a `Date` header (RFC 5322) as TIMESTAMPTZ; NULL where it cannot be read.

    Weekday and comments are left away; `GMT`, `UT`, `UTC` and a missing zone are UTC, other zone names are not read.
    """
    bare = f"regexp_replace(regexp_replace({text}, '\\([^)]*\\)', '', 'g'), '^\\s*[A-Za-z]+\\s*,', '')"
    spaced = f"trim(regexp_replace({bare}, '\\s+', ' ', 'g'))"
    zoned = f"regexp_replace({spaced}, ' (GMT|UTC?|Z)$|(:\\d\\d)$', '\\2 +0000')"
    formats = "['%d %b %Y %H:%M:%S %z', '%d %b %Y %H:%M %z']"
    return f"try_strptime({zoned}, {formats})"


def first_text_sql(values: Iterable[str]) -> str:
    """SQL for the first of the VARCHAR expressions that is neither NULL nor empty."""
    return f"COALESCE({', '.join(f'nullif({value}, {chr(39) * 2})' for value in values)})"
