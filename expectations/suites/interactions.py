"""What must hold of an interaction before it is kept."""

from collections.abc import Collection
from datetime import UTC, datetime

from expectations.rule import (
    Between,
    Filled,
    Finite,
    InSet,
    LengthBetween,
    Matches,
    NotInSet,
    Rule,
)
from expectations.suite import Suite, default_rules
from schemas.tables.interactions import TABLE
from schemas.vocabulary import CHANNELS

# The run fills these after the masks have judged the row; only the checkpoint sees them.
FILLED_BY_THE_RUN = (
    "interaction_id",
    "source",
    "connector",
    "ingested_at",
    "batch_id",
    "file_id",
    "row_number",
    "element",
    "commit_seq",
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HORIZON = datetime(2200, 1, 1, tzinfo=UTC)
# A ten-thousandth of what DECIMAL(18,4) holds: sums of thousands of the largest values still fit.
MONEY_LIMIT = 10**10
ID_LENGTH = 1_000
NAME_LENGTH = 255
ID_COLUMNS = ("event_id", "order_id", "product_id", "campaign_id", "offer_id", "contact_id")
# Texts that programs write for "no value"; as an id they would make one event out of many.
PLACEHOLDERS = ("null", "NULL", "none", "None", "nan", "NaN", "undefined", "n/a", "N/A")
# Words of letters without capitals, of any script, and digits, joined by single underscores.
SNAKE_CASE = r"^[\p{Ll}\p{Lm}\p{Lo}\p{M}\p{N}]+(_[\p{Ll}\p{Lm}\p{Lo}\p{M}\p{N}]+)*$"


def _instant(column: str) -> Rule:
    return Rule(
        code=f"{column}_out_of_range",
        wrong=f"{column} lies before 1970 or after 2199",
        mend="check the unit (seconds or milliseconds) and the clock of the sender",
        check=Between(column, EPOCH, HORIZON),
    )


def _number(column: str) -> Rule:
    return Rule(
        code=f"{column}_out_of_range",
        wrong=f"{column} is beyond {MONEY_LIMIT:,} either way",
        mend="check the field that is mapped to it and its unit",
        check=Between(column, -MONEY_LIMIT, MONEY_LIMIT),
    )


def _length(column: str) -> Rule:
    return Rule(
        code=f"{column}_too_long",
        wrong=f"{column} is longer than {ID_LENGTH:,} characters",
        mend="check the field that is mapped to it; an id is short",
        check=LengthBetween(column, 0, ID_LENGTH),
    )


def _names(column: str) -> tuple[Rule, ...]:
    return (
        Rule(
            code=f"{column}_too_long",
            wrong=f"{column} is longer than {NAME_LENGTH} characters",
            mend="send a name, and put free text into properties",
            check=LengthBetween(column, 0, NAME_LENGTH),
        ),
        Rule(
            code=f"{column}_not_snake_case",
            wrong=f"{column} is blank or not in snake_case",
            mend="send words of small letters and digits joined by single underscores",
            check=Matches(column, SNAKE_CASE),
        ),
    )


def _known_channel(declared: Collection[str]) -> Rule:
    return Rule(
        code="unknown_channel",
        wrong="channel is neither a known one nor declared",
        mend="map it to a known one, or declare it under [channels] in rapport.toml",
        check=InSet("channel", tuple(sorted({*CHANNELS, *declared}))),
    )


_WRITTEN = (
    Rule(
        code="event_id_blank",
        wrong="event_id consists of blanks only",
        mend="send the source's own id, or leave it out where the connector can derive one",
        check=Matches("event_id", r"\S"),
    ),
    Rule(
        code="event_id_placeholder",
        wrong="event_id is a placeholder such as null or undefined, so different events would count as one",
        mend="send the source's own id, or leave it out where the connector can derive one",
        check=NotInSet("event_id", PLACEHOLDERS),
    ),
    *(_length(column) for column in ID_COLUMNS),
    *_names("event_name"),
    *_names("channel"),
    _known_channel(()),
    _instant("occurred_at"),
    _instant("received_at"),
    _number("amount"),
    _number("margin"),
    _number("quantity"),
    Rule(
        code="currency_not_iso_4217",
        wrong="currency of the amount is not a code of three capital letters",
        mend="send the ISO 4217 code, or leave it out where the amount is in the base currency",
        check=Matches("currency", "^[A-Z]{3}$"),
        when=(Filled("amount"),),
    ),
    Rule(
        code="score_not_finite",
        wrong="score is not a finite number",
        mend="send the number that was given, or leave it out",
        check=Finite("score"),
    ),
    Rule(
        code="sentiment_out_of_range",
        wrong="sentiment is not a number from -1 to 1",
        mend="rescale it to that range, or leave it out",
        check=Between("sentiment", -1, 1),
    ),
)

_INCOMING = tuple(name for name in TABLE.column_names if name not in FILLED_BY_THE_RUN)

SUITE = Suite(
    table="interactions",
    rules=default_rules(TABLE, _INCOMING) + _WRITTEN,
    staged_rules=default_rules(TABLE, FILLED_BY_THE_RUN),
    settings={"channel": _known_channel},
)
