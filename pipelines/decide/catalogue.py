"""The offer catalogue: TOML files of `[[offer]]` tables, read strictly and kept in `offers`."""

import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.decide.conditions import Condition, ConditionError, parse_condition
from schemas.tables import tables
from warehouse.errors import RapportError
from warehouse.run import Run, parse_instant

NOTHING = "nothing"
_LARGEST = Decimal(10) ** 14
_COLUMNS = tuple(column for column in tables()["offers"].columns if column.name != "commit_seq")
_KINDS = next(column.values for column in _COLUMNS if column.name == "kind")


class CatalogueError(RapportError):
    """A catalogue file is wrong. The message says file, offer, field and the mend."""


@dataclass(frozen=True)
class Offer:
    """A benefit on offer; fields as the columns of `offers`. Money in base currency, validity half-open."""

    offer_id: str
    name: str
    kind: str
    benefit: str
    purpose: str
    value_customer: Decimal
    value_company: Decimal
    cost: Decimal
    contact_cost_customer: Decimal
    contact_cost_company: Decimal
    category: str | None
    campaign_id: str | None
    channels: tuple[str, ...]
    valid_from: datetime | None
    valid_to: datetime | None
    rules: Mapping[str, Any]
    file: str


@dataclass(frozen=True)
class Catalogue:
    """All offers, by id, and the digest of what they say (file names and comments left out)."""

    offers: tuple[Offer, ...]
    sha256: str


def load_catalogue(folder: Path) -> Catalogue:
    """Read the offers of every *.toml file in `folder`. Raises CatalogueError."""
    if not folder.is_dir():
        raise CatalogueError(f"the catalogue folder '{folder.name}' is missing; `rapport init` makes it")
    found: dict[str, Offer] = {}
    for path in sorted(folder.glob("*.toml")):
        for offer in _read_file(path):
            if offer.offer_id in found:
                where = f"{path.name}, offer '{offer.offer_id}', field 'id'"
                raise CatalogueError(f"{where}: also stands in {found[offer.offer_id].file}; give one a new id")
            found[offer.offer_id] = offer
    offers = tuple(found[offer_id] for offer_id in sorted(found))
    said = [{name: value for name, value in vars(offer).items() if name != "file"} for offer in offers]
    return Catalogue(offers, hashlib.sha256(_json(said).encode()).hexdigest())


def bind_conditions(con: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> dict[str, tuple[Condition, ...]]:
    """Check the conditions of each offer that has some against `profiles`. Raises CatalogueError."""
    columns = {name: kind for name, kind, *_ in con.execute("DESCRIBE profiles").fetchall()}
    bound: dict[str, tuple[Condition, ...]] = {}
    for offer in catalogue.offers:
        found = tuple(_bind(offer, field, offer.rules[field], columns) for field in sorted(offer.rules))
        if found:
            bound[offer.offer_id] = found
    return bound


def store_offers(con: duckdb.DuckDBPyConnection, run: Run, catalogue: Catalogue) -> None:
    """Make `offers` equal to the catalogue, writing only rows that differ. Raises CatalogueError."""
    bind_conditions(con, catalogue)
    names = ", ".join(column.name for column in _COLUMNS)
    con.register("decide_catalogue", offers_table(catalogue))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decide_changed AS
        WITH wanted AS (
            SELECT * REPLACE (CAST(channels AS JSON) AS channels, CAST(rules AS JSON) AS rules)
            FROM decide_catalogue
        )
        SELECT {names}
        FROM wanted
        EXCEPT
        SELECT {names}
        FROM offers
        """
    )
    con.execute(
        "DELETE FROM offers WHERE offer_id IN (SELECT offer_id FROM decide_changed) "
        "OR offer_id NOT IN (SELECT offer_id FROM decide_catalogue)"
    )
    con.execute("INSERT INTO offers BY NAME SELECT *, ? AS commit_seq FROM decide_changed", [run.commit_seq])
    con.unregister("decide_catalogue")
    con.execute("DROP TABLE decide_changed")


def offers_table(catalogue: Catalogue) -> pa.Table:
    """Give the catalogue as rows of `offers` without `commit_seq`, by id; JSON columns as text."""
    return pa.table(
        {
            column.name: pa.array(
                [_stored(offer, column.name, catalogue) for offer in catalogue.offers],
                pa.string() if column.name in ("channels", "rules") else column.type,
            )
            for column in _COLUMNS
        }
    )


def _stored(offer: Offer, column: str, catalogue: Catalogue) -> object:
    if column == "catalogue_sha256":
        return catalogue.sha256
    value = getattr(offer, column)
    return _json(value) if column in ("channels", "rules") else value


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=_plain)


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _bind(offer: Offer, field: str, value: object, columns: Mapping[str, str]) -> Condition:
    try:
        return parse_condition(field, value, columns)
    except ConditionError as problem:
        raise CatalogueError(f"{offer.file}, offer '{offer.offer_id}', field 'rules.{field}': {problem}") from None


def _read_file(path: Path) -> list[Offer]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise CatalogueError(f"{path.name} is not valid TOML: {problem}; mend that line") from problem
    entries = raw.pop("offer", [])
    if raw or not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CatalogueError(f"{path.name}: a catalogue holds [[offer]] tables only; write [[offer]] above each offer")
    return [_offer(entry, path.name, number) for number, entry in enumerate(entries, 1)]


def _offer(entry: Mapping[str, Any], file: str, number: int) -> Offer:
    label = f"{file}, offer '{entry['id']}'" if "id" in entry else f"{file}, offer {number}"
    for name in entry:
        if name not in _FIELDS:
            near = get_close_matches(name, _FIELDS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(_FIELDS))}"
            raise CatalogueError(f"{label}, field '{name}': unknown; {hint}")
    values = {name: _field(entry, name, label) for name in _FIELDS}
    start, end = values["valid_from"], values["valid_to"]
    if start is not None and end is not None and end <= start:
        raise CatalogueError(f"{label}, field 'valid_to': not after valid_from; move one of them")
    return Offer(offer_id=values.pop("id"), file=file, **values)


def _field(entry: Mapping[str, Any], name: str, label: str) -> Any:
    read, default = _FIELDS[name]
    if name not in entry and default is not _REQUIRED:
        return default
    if name not in entry:
        raise CatalogueError(f"{label}, field '{name}': missing; every offer needs it")
    try:
        return read(entry[name])
    except ValueError as problem:
        raise CatalogueError(f"{label}, field '{name}': {problem}") from None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty")
    return value.strip()


def _offer_id(value: object) -> str:
    text = _text(value)
    if text == NOTHING:
        raise ValueError(f"'{NOTHING}' is always a candidate and cannot be an offer; choose another id")
    return text


def _kind(value: object) -> str:
    text = _text(value)
    if text not in _KINDS:
        raise ValueError(f"'{text}' is no kind of benefit; choose one of {', '.join(_KINDS)}")
    return text


def _money(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError("must be money; write it as '2.50'")
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise ValueError("is not a number; write it as '2.50'") from None
    if not amount.is_finite() or abs(amount) >= _LARGEST or amount != amount.quantize(Decimal("1.0000")):
        raise ValueError("must be below 10^14 with at most four decimals")
    return amount.quantize(Decimal("1.0000"))


def _cost(value: object) -> Decimal:
    amount = _money(value)
    if amount < 0:
        raise ValueError("must not be negative; a gain belongs to value_customer or value_company")
    return amount


def _channels(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or len(set(map(str, value))) < len(value):
        raise ValueError('must list the channels with content, each once, such as ["email", "app"]')
    return tuple(_text(channel) for channel in value)


def _instant(value: object) -> datetime:
    if isinstance(value, str):
        try:
            return parse_instant(value)
        except RapportError as problem:
            raise ValueError(str(problem)) from None
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    if not isinstance(value, datetime):
        raise ValueError("must be a time such as 2018-01-02T00:00:00Z")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _rules(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a table of conditions; write [offer.rules] and one condition a line")
    return MappingProxyType(value)


_REQUIRED = object()
_ZERO = Decimal("0.0000")
_FIELDS: dict[str, tuple[Callable[[object], Any], Any]] = {
    "id": (_offer_id, _REQUIRED),
    "name": (_text, _REQUIRED),
    "kind": (_kind, _REQUIRED),
    "benefit": (_text, _REQUIRED),
    "purpose": (_text, "marketing"),
    "value_customer": (_money, _REQUIRED),
    "value_company": (_money, _REQUIRED),
    "cost": (_cost, _ZERO),
    "contact_cost_customer": (_cost, _ZERO),
    "contact_cost_company": (_cost, _ZERO),
    "category": (_text, None),
    "campaign_id": (_text, None),
    "channels": (_channels, _REQUIRED),
    "valid_from": (_instant, None),
    "valid_to": (_instant, None),
    "rules": (_rules, MappingProxyType({})),
}
