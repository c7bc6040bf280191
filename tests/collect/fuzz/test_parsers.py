"""Every connector reads whatever stands in files: no crash, no hang, nothing lost; right records stay as they are."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from random import Random
from typing import Any

import pytest

from pipelines.collect.connectors import connectors
from tests.collect.fuzz.byte_mutants import broken_file, same_in_other_bytes
from tests.collect.fuzz.judge import (
    Verdict,
    contents,
    counted_codes,
    demand_neighbours,
    demand_received,
    demand_whole,
    verdicts,
)
from tests.collect.fuzz.mapped import mapped_forms
from tests.collect.fuzz.rounds import for_some_time, fuzz, judged
from tests.collect.fuzz.samples import Lines, Pool, Rows, lines_of, rows_of
from tests.collect.fuzz.typed_columns import parquet_file
from warehouse.errors import UsageError

NAMES = list(connectors())
_MUTANTS = 250


@for_some_time
@pytest.mark.parametrize("name", NAMES)
def test_whatever_comes_is_kept_or_refused_and_right_records_stay(name: str, seconds: float) -> None:
    forms = _forms(name)

    def one_round(random: Random, pool: Pool) -> int:
        form = (
            forms[random.randrange(2) if random.random() < 0.5 else random.randrange(len(forms))]
            if len(forms) > 1
            else forms[0]
        )
        return _round_of_lines(form, random, pool) if isinstance(form, Lines) else _round_of_rows(form, random, pool)

    fuzz(name, seconds, one_round)


@cache
def _forms(name: str) -> list[Lines | Rows]:
    """The samples of a connector: its golden one as lines and as rows, and those of the mappings that are shipped."""
    rows = rows_of(name)
    shipped = mapped_forms() if connectors()[name].framing == "table" else ()
    return [lines_of(name), *([rows] if rows else []), *shipped]


def _mixed(right: Sequence[Any], mutant: Callable[[], Any], random: Random) -> list[tuple[int | None, Any]]:
    """Mutants (None) among right records (their places in the sample); a right one is first."""
    mixed = [(None, mutant()) if random.random() < 0.85 else _right(right, random) for _ in range(_MUTANTS)]
    return [_right(right, random), *mixed]


def _right(right: Sequence[Any], random: Random) -> tuple[int, Any]:
    place = random.randrange(len(right))
    return place, right[place]


@cache
def _alone(form: Lines | Rows) -> dict[int, Verdict]:
    """What becomes of the records of a sample, by their places there."""
    found = verdicts(form.staged_right())
    return {place: found.get(place + 1, Verdict((), frozenset())) for place in range(len(form.right))}


def _round_of_lines(form: Lines, random: Random, pool: Pool) -> int:
    mixed = _mixed(form.right, lambda: form.mutant(random, pool), random)
    kind = random.random()
    if kind < 0.2:
        return _round_of_files(form, [line for _, line in mixed[:40]], random)
    if kind < 0.3:
        judged([line for _, line in mixed], lambda some: _judge_apart(form, some))
    else:
        judged(mixed, lambda some: _judge_lines(form, some))
    return len(mixed)


def _judge_lines(form: Lines, mixed: Sequence[tuple[int | None, bytes]]) -> None:
    lines = [line for _, line in mixed]
    staged = form.staged(lines)
    demand_whole(staged, len(lines))
    demand_received(staged, sum(not _may_be_empty(form.connector, line) for line in lines))
    demand_neighbours(staged, {n: _alone(form)[place] for n, (place, _) in enumerate(mixed, 1) if place is not None})


def _may_be_empty(name: str, line: bytes) -> bool:
    """Whether a line may hold no record: white space, or an empty array or batch."""
    records = connectors()[name].records
    batch = records.batch if records else None
    return not line.strip() or b"[]" in line.replace(b" ", b"") or (batch is not None and batch.encode() in line)


def _judge_apart(form: Lines, lines: Sequence[bytes]) -> None:
    """A line is judged alike whatever stands beside it, and before or after it."""
    middle = len(lines) // 2
    whole, parts = form.staged(lines), [form.staged(some) for some in (lines[:middle], lines[middle:]) if some]
    first = dict(
        zip(range(1, len(lines) + 1), [*range(1, middle + 1), *range(1, len(lines) - middle + 1)], strict=True)
    )
    assert sorted((first[n], element, code) for n, element, code in counted_codes(whole).elements()) == sorted(
        place for part in parts for place in counted_codes(part).elements()
    )
    assert contents(whole) == set().union(*map(contents, parts))


def _round_of_files(form: Lines, lines: Sequence[bytes], random: Random) -> int:
    content = b"".join(line + b"\n" for line in lines)
    same, broken = same_in_other_bytes(content, random), broken_file(content, random)
    judged([same], lambda some: _judge_same(form, content, *some))
    judged([content, broken], lambda some: demand_whole(form.staged_file(*some)))
    return 3


def _judge_same(form: Lines, content: bytes, same: bytes) -> None:
    before, after = form.staged_file(content), form.staged_file(same)
    assert counted_codes(after) == counted_codes(before)
    assert contents(after) == contents(before)
    demand_whole(after)


def _round_of_rows(form: Rows, random: Random, pool: Pool) -> int:
    kind = random.random()
    if kind < 0.2 or form.documents:
        return _round_of_parquet(form, random, pool)
    mixed = _mixed(form.right, lambda: form.mutant(random, pool), random)
    if kind < 0.4:
        return _round_of_row_files(form, [row for _, row in mixed[:40]], random, pool)
    judged(mixed, lambda some: _judge_rows(form, some))
    return len(mixed)


def _judge_rows(form: Rows, mixed: Sequence[tuple[int | None, tuple[str, ...]]]) -> None:
    staged = form.staged([row for _, row in mixed])
    demand_whole(staged, len(mixed))
    demand_neighbours(staged, {n: _alone(form)[place] for n, (place, _) in enumerate(mixed, 1) if place is not None})


def _round_of_row_files(form: Rows, rows: Sequence[tuple[str, ...]], random: Random, pool: Pool) -> int:
    header = form.mutant(random, pool) if random.random() < 0.3 else form.header
    content = form.file([header, *rows])
    judged([broken_file(content, random)], lambda some: _judge_file(form, some[0]))
    return 1


def _round_of_parquet(form: Rows, random: Random, pool: Pool) -> int:
    whole = parquet_file(form, random, pool)
    content = broken_file(whole, random) if random.random() < 0.3 else whole
    judged([content], lambda some: _judge_file(form, some[0], "input.parquet"))
    return 1


def _judge_file(form: Rows, content: bytes, name: str = "input.csv") -> None:
    """Columns that the mapping does not fit are told to the user."""
    with suppress(UsageError):
        demand_whole(form.staged_file(content, name))
