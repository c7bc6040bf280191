"""The access report as one HTML page: no script, nothing from the network, every value escaped, made to be printed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from html import escape
from typing import Any

from flows.access.report import AccessReport, Rows
from flows.console import plain, to_json

_STYLE = """
:root { color-scheme: light; --ink: #1c2733; --soft: #5b6b7b; --line: #d9e0e7; --tint: #f4f7fa; --mark: #1f5f8b; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2.5rem 1.5rem 4rem; color: var(--ink); background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .4rem; padding-top: .8rem; border-top: 2px solid var(--mark); }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
p { margin: .35rem 0; }
.soft { color: var(--soft); }
.tags { list-style: none; display: flex; flex-wrap: wrap; gap: .4rem; margin: .8rem 0; padding: 0; }
.tags li { background: var(--tint); border: 1px solid var(--line); border-radius: .4rem; padding: .1rem .55rem;
  overflow-wrap: anywhere; }
nav ul { columns: 2; margin: .6rem 0; padding-left: 1.1rem; }
a { color: var(--mark); }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 1rem; font-size: .87rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .5rem; border-bottom: 1px solid var(--line);
  overflow-wrap: break-word; }
th { white-space: nowrap; background: var(--tint); font-weight: 600; border-bottom-color: #b9c6d2; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
tr.told td { border-bottom: 0; padding-bottom: 0; }
td ul { margin: 0; padding-left: 1rem; }
dl { display: flex; flex-wrap: wrap; gap: .05rem 1.1rem; margin: 0; font-size: .94em; }
dl div { display: flex; gap: .4rem; min-width: 0; }
dt { color: var(--soft); white-space: nowrap; } dd { margin: 0; overflow-wrap: anywhere; }
td.traits dl { display: block; }
.decision { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .9rem; margin: .7rem 0;
  break-inside: avoid; }
.decision h3 { margin-top: 0; } .decision ul { margin: .3rem 0 .6rem; padding-left: 1.2rem; }
@page { margin: 16mm 14mm; }
@media print { body { max-width: none; padding: 0; font-size: 10.5pt; } nav { display: none; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; } h2, h3 { break-after: avoid; } }
@media (max-width: 40rem) { nav ul { columns: 1; } body { padding: 1.2rem .8rem; } }
"""
# What people look for first; the other columns that have a value stand together in the last cell.
_COLUMNS = {
    "interactions": ("occurred_at", "channel", "event_name", "source", "amount", "currency"),
    "interaction_versions": ("occurred_at", "channel", "event_name", "source"),
    "orders": ("ordered_at", "order_id", "channel", "amount", "refunded_amount"),
    "contacts": ("sent_at", "channel", "delivered_at", "opened_at", "responded_at"),
    "consents": ("stated_at", "purpose", "channel", "status", "legal_basis"),
    "consent_states": ("purpose", "channel", "status", "legal_basis", "stated_at"),
    "statements": ("stated_at", "name", "value"),
    "group_statements": ("stated_at", "group_id", "is_member", "role", "valid_from", "valid_to"),
    "memberships": ("group_id", "role", "rule", "valid_from", "valid_to"),
    "outcomes": ("occurred_at", "event_name", "channel", "offer_id"),
    "profile_history": ("valid_from", "known_from", "is_gone"),
    "identities": ("identifier", "first_seen_at", "known_from", "known_to"),
    "identity_links": ("occurred_at", "left_identifier", "right_identifier", "rule", "confidence"),
    "identity_acts": ("acted_at", "act", "left_identifier", "right_identifier", "reason"),
    "channel_preferences": ("channel", "contact_count", "response_count", "response_rate", "is_opted_out"),
    "interests": ("rank", "category", "share", "purchase_count", "amount"),
    "daily_activity": ("day", "channel", "event_name", "interaction_count", "amount"),
    "daily_categories": ("day", "category", "event_name", "interaction_count", "amount"),
}
_TITLES = {
    "interactions": "What you did and what was sent to you",
    "interaction_versions": "Earlier versions of the same records",
    "identities": "How you are recognised",
    "orders": "Orders",
    "contacts": "Messages, calls and letters to you",
    "consents": "Consents and objections",
    "consent_states": "What you allow, as it stands",
    "statements": "What you told about yourself",
    "group_statements": "What was said of groups that you belong to",
    "memberships": "Groups that you belong to",
    "outcomes": "Your answers to offers",
    "profile_history": "How the profile changed",
    "channel_preferences": "How you answer on each channel",
    "interests": "What you seem to care for",
    "identity_links": "Why these identifiers are taken for one person",
    "identity_acts": "What our staff decided about who you are",
    "daily_activity": "Activity by day",
    "daily_categories": "Activity by day and category",
}
_EVIDENCE = 5  # rows behind a trait; all of them stand in the tables
# In the order in which people look for them; others follow.
_FIRST = ("identities", "statements", "consents", "interactions", "orders", "contacts", "outcomes")
_NOT_AGAIN = {
    "": ("profiles", "customer_id", "anchor", "anchors", "file_id", "ingested_at"),
    "identities": ("kind", "value"),
}


def access_page(report: AccessReport) -> str:
    """The page as text; it shows every row of the report."""
    known = "".join(_table_section(name, report.known[name]) for name in _ordered(report.known))
    inferred = "".join(_table_section(name, rows) for name, rows in report.inferred.items())
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Your data</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>Your data</h1>
<p class="soft">Everything that is known, inferred and decided about customer {escape(report.customer_id)}.
Times are UTC.</p>
<ul class="tags">{_items(report.identifiers)}</ul>
{_contents(report)}
</header>
<main>
<h2 id="known">Known: what was said and done</h2>
{known}
{_files(report.files)}
<h2 id="inferred">Inferred: what follows from it</h2>
{_traits(report.traits)}
{inferred}
<h2 id="decided">Decided: what was done because of it</h2>
{_decisions(report)}
<h2 id="remarks">What is not in here</h2>
<ul>{_items(report.remarks)}</ul>
</main>
</body>
</html>
"""


def _ordered(known: Mapping[str, Rows]) -> list[str]:
    return [*(name for name in _FIRST if name in known), *(name for name in known if name not in _FIRST)]


def _items(texts: Iterable[str]) -> str:
    return "".join(f"<li>{escape(text)}</li>" for text in texts)


def _contents(report: AccessReport) -> str:
    rows = {**{name: report.known[name] for name in _ordered(report.known)}, **report.inferred}
    named = [(name, len(found)) for name, found in rows.items() if found and name not in _NOT_AGAIN[""]]
    links = "".join(f'<li><a href="#{name}">{escape(_title(name))}</a> ({count:,})</li>' for name, count in named)
    decided = f'<li><a href="#decided">Decisions</a> ({len(report.reasons):,})</li>'
    return f"<nav><ul>{links}{decided}</ul></nav>"


def _title(name: str) -> str:
    return _TITLES.get(name, name.replace("_", " ").capitalize())


def _table_section(name: str, rows: Rows) -> str:
    if not rows or name in _NOT_AGAIN[""]:
        return ""
    table = _table(_COLUMNS.get(name, ()), rows, _NOT_AGAIN.get(name, ()))
    return f'<section id="{name}"><h3>{escape(_title(name))}</h3>{table}</section>'


def _table(columns: Sequence[str], rows: Rows, hidden: Sequence[str] = ()) -> str:
    """A line for each row, and below it what has no column."""
    shown = [name for name in columns if name in rows[0]]
    lines = [_lines(row, shown, _further(row, (*shown, *hidden))) for row in rows]
    return _html_table([_words(name) for name in shown], lines)


def _lines(row: Mapping[str, Any], shown: Sequence[str], further: str) -> str:
    cells = "".join(_cell(row[name]) for name in shown)
    if not further:
        return f"<tr>{cells}</tr>"
    more = f'<tr><td colspan="{max(1, len(shown))}">{further}</td></tr>'
    return (f'<tr class="told">{cells}</tr>' if cells else "") + more


def _html_table(head: Sequence[str], lines: Sequence[str]) -> str:
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    top = f"<thead><tr>{names}</tr></thead>" if names else ""
    return f"<table>{top}<tbody>{''.join(lines)}</tbody></table>"


def _further(row: Mapping[str, Any], shown: Sequence[str]) -> str:
    """The columns that have a value and no cell of their own; what is nested stands by its path."""
    left = [
        pair
        for name, value in row.items()
        if name not in (*shown, *_NOT_AGAIN[""])
        for pair in _flat(_words(name), value)
    ]
    return _described(left) if left else ""


def _described(pairs: Iterable[tuple[str, object]]) -> str:
    told = "".join(f"<div><dt>{escape(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in pairs)
    return f"<dl>{told}</dl>"


def _flat(name: str, value: object) -> list[tuple[str, object]]:
    if isinstance(value, Mapping):
        return [pair for key, inner in value.items() for pair in _flat(f"{name}: {_words(str(key))}", inner)]
    if isinstance(value, list | tuple) and not _is_flat(value):
        return [pair for number, inner in enumerate(value, start=1) for pair in _flat(f"{name} {number}", inner)]
    return [(name, value)] if _is_told(value) else []


def _is_told(value: object) -> bool:
    return value is not None and value not in ([], {}, "")


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return f"<td>{_text(value)}</td>"
    if isinstance(value, int | float | Decimal):
        return f'<td class="number">{_text(value)}</td>'
    return f'<td class="time">{_text(value)}</td>' if isinstance(value, date | datetime) else f"<td>{_text(value)}</td>"


def _text(value: object) -> str:
    """A value for people, escaped; what is nested as JSON."""
    if value is None:
        return '<span class="soft">-</span>'
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return escape(f"{value:%Y-%m-%d %H:%M:%S}")
    if isinstance(value, float):
        return escape(f"{value:,.4g}")
    if isinstance(value, Decimal):
        return escape(f"{value:,.2f}")
    if isinstance(value, Mapping | list | tuple):
        return escape(", ".join(map(str, value)) if _is_flat(value) else to_json(value))
    return escape(str(plain(value)))


def _is_flat(value: Mapping[str, Any] | list[Any] | tuple[Any, ...]) -> bool:
    return not isinstance(value, Mapping) and all(isinstance(item, str) for item in value)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _traits(traits: Rows) -> str:
    if not traits:
        return '<p class="soft">There is no profile.</p>'
    head = ("trait and value", f"what it rests on, the newest {_EVIDENCE}")
    return "<h3>Profile</h3>" + _html_table(head, [_trait(trait) for trait in traits])


def _trait(trait: Mapping[str, Any]) -> str:
    values = _described((_words(name), value) for name, value in trait["values"].items())
    behind = "".join(f"<li>{_evidence(row)}</li>" for row in trait["evidence"][:_EVIDENCE])
    return f'<tr><td class="traits">{values}</td><td>{f"<ul>{behind}</ul>" if behind else _text(None)}</td></tr>'


def _evidence(row: Mapping[str, Any]) -> str:
    seen = f" ({_text(row['seen_at'])})" if row["seen_at"] is not None else ""
    return f"{escape(_words(row['table_name']))}: {escape(row['detail'] or row['row_key'])}{seen}"


def _decisions(report: AccessReport) -> str:
    rows = [row for found in report.decided.values() for row in found]
    if not rows:
        return '<p class="soft">Nothing was decided.</p>'
    return "".join(_decision(row, report.reasons[row["decision_id"]]) for row in rows)


def _decision(row: Mapping[str, Any], sentences: Sequence[str]) -> str:
    chosen, *why = sentences
    details = {name: value for name, value in row.items() if name not in ("candidates", "gates", "reason")}
    return (
        f'<div class="decision"><h3>{_text(row["decided_as_of"])} {escape(chosen)}</h3>'
        f"<ul>{_items(why)}</ul>{_further(details, ('decided_as_of',))}</div>"
    )


def _files(files: Rows) -> str:
    if not files:
        return ""
    table = _table(("landed_at", "name", "source", "connector"), files)
    return f"<section><h3>Received files with your records</h3>{table}</section>"
