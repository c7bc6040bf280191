from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime, parseaddr

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.collect.mail import (
    EMAIL_EVENTS,
    address_sql,
    canonical_sql,
    event_fields,
    first_text_sql,
    is_scanned_sql,
    mail_date_sql,
)
from schemas.scanners import is_scanner, is_scanner_sql, is_security_scanner_sql

CON = duckdb.connect(config={"threads": 1})
CON.execute("SET TimeZone = 'UTC'")


def value(expression: str, *texts: str | None) -> object:
    """The expression over the columns a, b, … of one row."""
    names = ", ".join(f"?::VARCHAR AS {name}" for name, _ in zip("abcd", texts, strict=False))
    (found,) = CON.execute(f"SELECT {expression} FROM (SELECT {names})", list(texts)).fetchall()[0]
    return found


def test_every_event_has_a_direction_and_who_began_it() -> None:
    fields = event_fields("a")
    for name, expected in {**EMAIL_EVENTS, "some_unknown": ("outbound", "company")}.items():
        assert (value(fields["direction"].raw, name), value(fields["initiator"].raw, name)) == expected


def test_wire_names_become_canonical_ones() -> None:
    sql = canonical_sql("a", {"open": "email_opened", "it's": "email_sent"}, "x_unknown")
    assert [value(sql, name) for name in ("open", "it's", "new", None)] == [
        "email_opened", "email_sent", "x_unknown", "x_unknown",
    ]  # fmt: skip
    with pytest.raises(KeyError):
        canonical_sql("a", {"open": "opened"}, "x_unknown")


ADDRESSES = {
    "a@example.com": "a@example.com",
    " <A@Example.com> ": "A@Example.com",
    '"Doe, <x@example.org>" <a@example.com>': "a@example.com",
    '"quoted \\" <x@y.z>" <a@example.com>': "a@example.com",
    "a@example.com, b@example.com": "a@example.com",
    "Name (c@example.org) <a@example.com>": "a@example.com",
    "mailto:": None,
    "Nobody": None,
    "": None,
}


@pytest.mark.parametrize(("text", "expected"), list(ADDRESSES.items()))
def test_an_address_is_taken_out_of_a_header(text: str, expected: str | None) -> None:
    assert value(address_sql("a"), text) == expected
    assert value(address_sql("a"), None) is None


@settings(max_examples=100, deadline=None)
@given(name=st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters='\\"'), max_size=12))
def test_a_quoted_name_does_not_hide_the_address(name: str) -> None:
    header = f'"{name}" <a@example.com>'
    assert value(address_sql("a"), header) == parseaddr(header)[1]


MOMENTS = st.datetimes(datetime.fromisoformat("1980-01-01"), datetime.fromisoformat("2100-01-01")).map(
    lambda moment: moment.replace(microsecond=0)
)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(max_examples=100, deadline=None)
@given(moment=MOMENTS, zone=ZONES)
def test_the_date_of_a_mail_is_read_in_every_zone(moment: datetime, zone: timezone) -> None:
    aware = moment.replace(tzinfo=zone)
    assert value(mail_date_sql("a"), format_datetime(aware)) == aware


DATES = {
    "Fri, 30 Mar 2018 10:21:50 -0700 (PDT)": "2018-03-30T17:21:50+00:00",
    "30 Mar 2018 10:21 GMT": "2018-03-30T10:21:00+00:00",
    "  Thu,  5 Oct 2017   18:31:04\t-0700": "2017-10-06T01:31:04+00:00",
    "5 Oct 2017 18:31:04": "2017-10-05T18:31:04+00:00",
    "5 Oct 2017 18:31:04 UT": "2017-10-05T18:31:04+00:00",
    "5 Oct 2017 18:31:04 PDT": None,
    "yesterday": None,
    "": None,
}


@pytest.mark.parametrize(("text", "expected"), list(DATES.items()))
def test_dates_that_mail_programs_write_are_read(text: str, expected: str | None) -> None:
    assert value(mail_date_sql("a"), text) == (datetime.fromisoformat(expected) if expected else None)


def test_the_first_text_that_says_something_counts() -> None:
    assert value(first_text_sql(("a", "b", "c")), None, "", "x") == "x"
    assert value(first_text_sql(("a",)), "") is None


PERSONS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.5134; Pro)",
    "",
]
SECURITY = [
    "Mozilla/5.0 (compatible; Barracuda Sentinel)",
    "Mimecast URL Scanner",
    "Microsoft Office Existence Discovery",
]
PROGRAMS = [
    "Mozilla/5.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "python-requests/2.31.0",
    "Go-http-client/1.1",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/119.0.0.0 Safari/537.36",
]


def agents() -> Iterator[tuple[str, bool, bool]]:
    yield from ((agent, False, False) for agent in PERSONS)
    yield from ((agent, True, True) for agent in SECURITY)
    yield from ((agent, True, False) for agent in PROGRAMS)


@pytest.mark.parametrize(("agent", "is_program", "is_security"), list(agents()))
def test_scanners_are_known_by_their_user_agents(agent: str, is_program: bool, is_security: bool) -> None:
    assert is_scanner(agent) == is_program
    assert value(is_scanner_sql("a"), agent) == is_program
    assert value(is_security_scanner_sql("a"), agent) == is_security


def test_no_user_agent_is_no_scanner() -> None:
    assert value(is_scanner_sql("a"), None) is False
    assert value(is_security_scanner_sql("a"), None) is False


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(["curl/", "7", "bot", "Bot/1", "mozilla/5.0", "Sophos", " ", "x", "\n", "\u017f"]), max_size=6
    )
)
def test_sql_and_python_know_the_same_scanners(words: list[str]) -> None:
    agent = "".join(words)
    assert value(is_scanner_sql("a"), agent) == is_scanner(agent)


def test_an_unsubscribe_is_a_machines_only_if_a_security_product_sent_it() -> None:
    sql = is_scanned_sql("a", "b")
    judged = {
        (event, agent): value(sql, event, agent) for event in EMAIL_EVENTS for agent in ("Java/11", "Sophos", None)
    }
    machines = {key for key, is_machine in judged.items() if is_machine}
    assert machines == {
        ("email_opened", "Java/11"), ("email_opened", "Sophos"),
        ("email_clicked", "Java/11"), ("email_clicked", "Sophos"),
        ("email_unsubscribed", "Sophos"),
    }  # fmt: skip
