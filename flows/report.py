"""What a run did, for people and for machines."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from flows.console import say, say_wrapped, table
from flows.drift import NewField
from flows.work import RunReport

_BENEFITS = 12


def report_object(report: RunReport) -> dict[str, Any]:
    """The run as one JSON object."""
    return {
        "is_idle": report.is_idle,
        "as_of": report.as_of,
        "commit_seq": report.commit_seq,
        "files": report.files,
        **asdict(report.counts),
        "new_fields": [asdict(found) for found in report.new_fields],
        "requests": report.requests,
        "resolve": asdict(report.resolved) if report.resolved else None,
        "know": asdict(report.known) if report.known else None,
        "decide": asdict(report.decided) if report.decided else None,
    }


def tell_report(report: RunReport) -> None:
    """The run for people: a line for each step that had something to do."""
    if report.is_idle:
        say_wrapped(
            f"Nothing new: everything that is landed is known as of {report.as_of:%Y-%m-%d}, and nothing was written."
        )
        return
    if report.files:
        files = f"{report.files:,} file{'s' if report.files != 1 else ''}"
        note = "`rapport rejections` tells what was rejected, and why" if report.counts.rejected else ""
        table(f"Collected {files}", list(asdict(report.counts)), [report.counts.values], note)
    tell_new_fields(report.new_fields)
    tell_requests(report.requests)
    if report.resolved:
        say_wrapped(f"Resolved  {_numbers(asdict(report.resolved))}")
    if report.known:
        say_wrapped(f"Known     {_numbers(asdict(report.known))}")
    if report.decided:
        _tell_decided(report.decided.decided_count, report.decided.by_offer)
    say(f"Published commit {report.commit_seq}, as of {report.as_of:%Y-%m-%d}.")
    if report.known and not report.known.total:
        say_wrapped("Nobody is known yet: put files into landing/inbox/<connector>/, or type `rapport ingest`.")


def tell_new_fields(fields: Sequence[NewField]) -> None:
    """What sources have begun to send, for people; once for each name."""
    for source in sorted({found.source for found in fields}):
        names = ", ".join(found.field_name for found in fields if found.source == source)
        say_wrapped(f"Source '{source}' sends new fields, kept in properties: {names}")


def tell_requests(count: int) -> None:
    """That persons ask for something, for people; nothing where nobody does."""
    if count:
        say_wrapped(f"Persons ask to be erased or for what is known ({count:,}): `rapport requests` lists it")


def _tell_decided(count: int, by_offer: Mapping[str, int]) -> None:
    say(f"Decided   {count:,} customers")
    rows = sorted(by_offer.items(), key=lambda row: (-row[1], row[0]))
    if rows:
        rest = len(rows) - _BENEFITS
        table("", ["benefit", "customers"], rows[:_BENEFITS], f"and {rest} more" if rest > 0 else "")


def _numbers(found: dict[str, Any]) -> str:
    return ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in found.items() if isinstance(value, int))
