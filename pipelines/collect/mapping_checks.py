"""What must hold of a mapping before a file is read with it."""

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import duckdb

from pipelines.collect.mapping_group import check_group
from schemas.table import INSTANT, MONEY, TEXT
from schemas.tables import tables
from schemas.vocabulary import CONSENT_STATUSES
from warehouse.errors import UsageError

if TYPE_CHECKING:
    from pipelines.collect.mapping import ConsentMapping, TableMapping

_NOT_MAPPABLE = {
    "interaction_id", "source", "connector", "ingested_at", "is_received_assigned", "time_basis", "identifiers",
    "anchor", "items", "consents", "properties", "batch_id", "file_id", "row_number", "element", "commit_seq",
}  # fmt: skip
_COLUMNS = tables()["interactions"].columns
MAPPABLE = tuple(name for name in (*(c.name for c in _COLUMNS), "original_at", "sent_at") if name not in _NOT_MAPPABLE)
TIMES = {"original_at", "sent_at"} | {c.name for c in _COLUMNS if c.type == INSTANT}
TEXTS = {c.name for c in _COLUMNS if c.type == TEXT and c.name in MAPPABLE}
NUMBERS = tuple(c.name for c in _COLUMNS if c.type == MONEY)
# The members of a consent statement (column `consents` of interactions).
CONSENT_MEMBERS = ("purpose", "channel", "status", "legal_basis", "version", "stated_at", "expires_at")
CONSENT_TIMES = {"stated_at", "expires_at"}
_FORMATS = ("csv", "parquet", "json")


def check_mapping(mapping: "TableMapping") -> None:
    """Raise UsageError for a mapping that names what is not there, leaves out what is needed, or contradicts itself."""
    for section, names in (("columns", mapping.columns), ("constants", mapping.constants)):
        for name in names:
            if name not in MAPPABLE:
                raise UsageError(
                    f"the mapping's [{section}] names '{name}', which interactions do not have; "
                    f"known are {', '.join(MAPPABLE)}"
                )
    given = {*mapping.columns, *mapping.constants}
    for name in ("channel", "event_name"):
        if name not in given:
            raise UsageError(f"the mapping gives no {name}; set it under [constants] or [columns]")
    if not {"occurred_at", "original_at", "sent_at", "received_at"} & given:
        raise UsageError("the mapping gives no time; map occurred_at under [columns]")
    _check_format(mapping)
    _check_translations(mapping)
    _check_products(mapping)
    for consent in mapping.consents:
        _check_consent(consent)
    _check_statements(mapping)


def _check_format(mapping: "TableMapping") -> None:
    if mapping.format not in ("", *_FORMATS):
        raise UsageError(f"the mapping's format '{mapping.format}' is unknown; use csv, parquet or json")
    try:
        ZoneInfo(mapping.timezone)
    except (ValueError, KeyError, OSError) as problem:
        raise UsageError(
            f"the mapping's timezone '{mapping.timezone}' is unknown; use a name such as Europe/Vienna"
        ) from problem


def _check_translations(mapping: "TableMapping") -> None:
    for section, translated in (("values", mapping.values), ("patterns", mapping.patterns)):
        for name in translated:
            if name not in mapping.columns:
                raise UsageError(f"the mapping's [{section}.{name}] translates nothing; map {name} under [columns]")
    for name, patterns in mapping.patterns.items():
        for pattern in patterns:
            try:
                duckdb.execute("SELECT regexp_matches('', ?)", [pattern])
            except duckdb.Error as problem:
                raise UsageError(
                    f"the mapping's [patterns.{name}] '{pattern}' is no regular expression; write one of RE2"
                ) from problem


def _check_products(mapping: "TableMapping") -> None:
    for name in mapping.products:
        if name not in NUMBERS:
            raise UsageError(f"the mapping's [products] names '{name}'; known are {', '.join(NUMBERS)}")
        if name in mapping.columns or name in mapping.constants:
            raise UsageError(f"the mapping gives {name} twice; leave it out of [products] or of the other section")


def _check_consent(consent: "ConsentMapping") -> None:
    given = {*consent.constants, *consent.columns}
    unknown = sorted(given - set(CONSENT_MEMBERS))
    if unknown:
        raise UsageError(f"the mapping's [[consents]] names '{unknown[0]}'; known are {', '.join(CONSENT_MEMBERS)}")
    if "status" not in given:
        raise UsageError("the mapping's [[consents]] gives no status; set it under constants or columns")
    said = [consent.constants[name] for name in ("status",) if name in consent.constants] + [*consent.values.values()]
    if not set(said) <= set(CONSENT_STATUSES):
        raise UsageError(f"the mapping's [[consents]] has an unknown status; use one of {', '.join(CONSENT_STATUSES)}")
    for name in ("stated_at", "expires_at"):
        if name in consent.constants:
            raise UsageError(f"the mapping's [[consents]] has a constant {name}; map it under columns, or leave it out")


def _check_statements(mapping: "TableMapping") -> None:
    """Traits are read from the properties of certain events alone."""
    name = None if "event_name" in mapping.columns else mapping.constants["event_name"]
    check_group(mapping.group, name, has_traits=bool(mapping.traits))
    if mapping.traits and name not in (None, "identify"):
        raise UsageError("the mapping has [traits], which only events named identify state; set event_name to identify")
