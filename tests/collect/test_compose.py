"""What all connectors share: types, times and ids. Driven through a mapping that names every column."""

import re
from collections.abc import Sequence

import pytest

from expectations.suites.interactions import SUITE
from pipelines.collect.compose import reason_sentences
from pipelines.collect.connectors import connectors
from pipelines.collect.mapping import parse_mapping
from pipelines.collect.mapping_plan import mapping_plan
from tests.collect.staged import INGESTED_AT, Staged, stage

NUMBERS = ("amount", "margin", "quantity", "score", "sentiment")
TIMES = ("occurred_at", "original_at", "sent_at", "received_at")
TEXTS = ("order_id", "product_id", "campaign_id", "offer_id")
NAMES = ("event_id", *TIMES, *NUMBERS, *TEXTS)
AT = "2020-01-02T00:00:00Z"


def mapping(*names: str) -> str:
    columns = "".join(f'{name} = "{name}"\n' for name in names)
    return f'[constants]\nchannel = "pos"\nevent_name = "visited"\n[columns]\n{columns}'


def staged_rows(*rows: dict[str, str], names: Sequence[str] = NAMES) -> Staged:
    """Rows with an id each, unless they have one."""
    full = [{"event_id": str(number), **row} for number, row in enumerate(rows, start=1)]
    return stage("table", csv(full, names), mapping=mapping(*names))


def csv(rows: Sequence[dict[str, str]], names: Sequence[str]) -> str:
    return "\n".join([",".join(names), *(",".join(row.get(name, "") for name in names) for row in rows)]) + "\n"


@pytest.fixture(scope="module")
def wrong() -> Staged:
    return staged_rows(*({"occurred_at": AT} | {name: "seven"} for name in (*NUMBERS, *TIMES)))


@pytest.mark.parametrize(("row_number", "name"), list(enumerate((*NUMBERS, *TIMES), start=1)))
def test_a_value_of_the_wrong_type_is_refused_by_its_column(wrong: Staged, row_number: int, name: str) -> None:
    assert wrong.verdict(row_number) == f"wrong_type_{name}"


def test_the_reason_tells_a_number_from_a_time(wrong: Staged) -> None:
    reasons = {row["reason_code"]: row["reason"] for row in wrong.rejections}
    assert reasons["wrong_type_amount"] == "'amount' is not a number in range; mend the sender or the mapping"
    assert reasons["wrong_type_sent_at"] == "'sent_at' is not a time in ISO 8601; mend the sender or the mapping"


def test_an_empty_text_is_no_number_and_no_time_rather_than_a_wrong_one() -> None:
    row = staged_rows({"occurred_at": AT}).accepted()
    assert [row[name] for name in NUMBERS] == [None] * len(NUMBERS)


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("1e10", None),
        ("10000000000.0001", "amount_out_of_range"),
        ("1e14", "wrong_type_amount"),
        ("nan", "wrong_type_amount"),
        ("1e400", "wrong_type_amount"),
    ],
)
def test_money_out_of_range_is_refused(amount: str, code: str | None) -> None:
    verdict = staged_rows({"occurred_at": AT, "amount": amount}).verdict(1)
    assert verdict == code if code else not isinstance(verdict, str)


def test_scores_and_sentiments_out_of_range_are_refused() -> None:
    rows = [{"score": "nan"}, {"score": "inf"}, {"sentiment": "1.5"}, {"score": "9.5", "sentiment": "-1"}]
    staged = staged_rows(*({"occurred_at": AT} | row for row in rows))
    assert [code for _, code in staged.codes()] == ["score_not_finite", "score_not_finite", "sentiment_out_of_range"]
    assert (staged.accepted(4)["score"], staged.accepted(4)["sentiment"]) == (9.5, -1.0)


def test_a_record_without_any_time_is_refused() -> None:
    assert staged_rows({}).verdict(1) == "missing_time"


# occurred, original, sent, received -> occurred_at, its basis
MOMENTS = {
    "what the source says wins": (AT, "2019-01-01", "2019-01-01", "2020-01-02", AT, "occurred"),
    "the device's time, with nothing to correct it by": ("", AT, "", "", AT, "occurred"),
    "the device's time, sent but never received": ("", AT, "2020-01-02T01:00:00Z", "", AT, "occurred"),
    "a skew of five minutes is latency": (
        "", AT, "2020-01-02T00:10:00Z", "2020-01-02T00:15:00Z", AT, "occurred",
    ),
    "a skew of more is corrected": (
        "", AT, "2020-01-02T00:10:00Z", "2020-01-02T00:15:00.001Z", "2020-01-02T00:05:00.001000Z", "corrected",
    ),
    "a clock that is ahead is corrected, too": (
        "", "2020-01-02T10:00:00Z", "2020-01-02T10:00:05Z", "2020-01-02T00:00:05Z", AT, "corrected",
    ),
    "the sent time stands in": ("", "", AT, "2020-01-02T01:00:00Z", AT, "sent"),
    "the received time stands in": ("", "", "", AT, AT, "received"),
    "a day ahead of its reception is kept": ("2020-01-03T00:00:00Z", "", "", AT, "2020-01-03T00:00:00Z", "occurred"),
    "more than a day ahead is clamped": ("2020-01-03T00:00:00.000001Z", "", "", AT, AT, "clamped"),
    "a device time ahead is clamped": ("", "2020-01-05", "2020-01-02", AT, AT, "clamped"),
    "the future without a received time is the source's word": (
        "2190-01-01T00:00:00Z", "", "", "", "2190-01-01T00:00:00Z", "occurred",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def moments() -> Staged:
    return staged_rows(*(dict(zip(TIMES, values, strict=False)) for values in MOMENTS.values()))


@pytest.mark.parametrize(("row_number", "label"), list(enumerate(MOMENTS, start=1)))
def test_occurred_at_follows_from_the_four_times(moments: Staged, row_number: int, label: str) -> None:
    row, (*_, received, expected, basis) = moments.accepted(row_number), MOMENTS[label]
    assert row["occurred_at"].isoformat().replace("+00:00", "Z") == expected
    assert row["time_basis"] == basis
    assert row["is_received_assigned"] is (not received)
    assert (row["received_at"] == INGESTED_AT) is (not received)


def test_times_out_of_range_are_refused() -> None:
    times = ["1969-12-31", "2200-01-02", "infinity", "-infinity"]
    staged = staged_rows(*({"occurred_at": time} for time in times), {"occurred_at": AT, "received_at": "infinity"})
    assert [code for _, code in staged.codes()] == ["occurred_at_out_of_range"] * 4 + ["received_at_out_of_range"]


@pytest.mark.parametrize(
    "times",
    [
        {"occurred_at": AT, "received_at": "294247-01-10T04:00:54Z"},
        {"original_at": "290000-01-01", "sent_at": "0001-01-01", "received_at": "290000-01-01"},
        {"original_at": AT, "sent_at": "290000-01-01 (BC)", "received_at": "294000-01-01"},
    ],
    ids=["clamp", "correction", "skew"],
)
def test_extreme_times_are_refused_and_their_neighbours_stay(times: dict[str, str]) -> None:
    staged = staged_rows({"occurred_at": AT}, times, {"occurred_at": AT})
    assert staged.rows("row_number") == [(1,), (3,)]
    assert staged.codes()[0][1].endswith("out_of_range")


WITHOUT_ID = tuple(name for name in NAMES if name != "event_id")


def ids(*rows: dict[str, str], files: int = 1) -> list[str]:
    """The event ids of rows without ids, in `files` equal files."""
    content = csv([{"occurred_at": AT} | row for row in rows], WITHOUT_ID)
    staged = [stage("table", content, mapping=mapping(*WITHOUT_ID)) for _ in range(files)]
    return [row["event_id"] for file in staged for row in file.interactions]


def test_equal_rows_without_ids_are_distinct_within_a_file() -> None:
    found = ids({"order_id": "a"}, {"order_id": "a"}, {"order_id": "a"})
    assert len(set(found)) == 3
    assert [re.fullmatch(r"[0-9a-f]{32}-(\d+)", event_id) is not None for event_id in found] == [True] * 3


def test_rows_without_ids_have_the_same_ids_when_their_file_comes_again() -> None:
    found = ids({"order_id": "a"}, {"order_id": "b"}, {"order_id": "a"}, files=2)
    assert found[:3] == found[3:]
    assert len(set(found)) == 3


def test_rows_without_ids_that_differ_anywhere_have_other_ids_in_other_files() -> None:
    differing = [{name: "7"} for name in ("order_id", "amount", "quantity")] + [{"received_at": "2020-01-03"}]
    found = [ids(row)[0] for row in [{}, *differing]]
    assert len(set(found)) == len(found)


def test_rows_without_ids_that_hold_a_value_in_another_column_have_other_ids() -> None:
    assert ids({"campaign_id": "a"}) != ids({"offer_id": "a"})


def test_every_reason_is_a_sentence_with_a_mend() -> None:
    plans = [c.plan("", ()) for c in connectors().values() if c.framing != "table"]
    plans.append(mapping_plan(parse_mapping(mapping(*NAMES)), NAMES))
    for sentences in (reason_sentences(plan, SUITE.rules) for plan in plans):
        assert all(re.fullmatch(r"[a-z_0-9]+", code) for code in sentences)
        assert all(re.fullmatch(r"[^;]{8,}; .{6,}", sentence) for sentence in sentences.values())


def test_an_exponent_is_read_as_a_number_and_not_as_its_last_digit() -> None:
    texts = ("8.881784e-16", "1.5e3", "2E2", "0.1", "-1e-4", "1e30")
    staged = staged_rows(*({"occurred_at": AT, "amount": text} for text in texts))
    assert [str(amount) for (amount,) in staged.rows("amount")] == [
        "0.0000",
        "1500.0000",
        "200.0000",
        "0.1000",
        "-0.0001",
    ]
    assert staged.codes() == [(6, "wrong_type_amount")]
