"""Keyed digests by which erased events and identifiers are recognised again without being kept."""

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import duckdb

from schemas.table import literal
from warehouse.durable import sync
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.queries import has_rows

_KEY_BYTES = 32


@dataclass(frozen=True)
class SuppressionList:
    """What a session needs to recognise what was erased: a Parquet file (kind, digest, until_at), the key's file.

    Paths, not the key itself: what describes a pipeline may be written down.
    """

    digests: Path
    key: Path


def key_path(home: Home) -> Path:
    """Where the home's key lies; readable by its owner alone."""
    return home.root / "suppression.key"


def secret(home: Home) -> str:
    """The home's key, 64 hex digits; made at the first call, durably, with mode 0600.

    Make it only while there are no suppressions: what was digested with another key is not recognised.
    """
    path = key_path(home)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_KEY_BYTES))
        sync(draft)
        draft.replace(path)
        sync(path.parent)
    return read_key(path)


def read_key(path: Path) -> str:
    """The key in the file at `path`. Raises RapportError where it is missing or no key: erasures would not hold."""
    try:
        found = path.read_text(encoding="ascii").strip()
        if len(bytes.fromhex(found)) == _KEY_BYTES:
            return found
    except (OSError, ValueError):
        pass
    raise RapportError(
        f"the key {path.name} of the home's erasures is missing or damaged, so erased persons would not be recognised; "
        "put it back from a copy of the home"
    )


def digest_sql(value: str, secret_parameter: str) -> str:
    """SQL for the keyed digest (64 hex digits) of a VARCHAR expression; NULL if it is.

    `secret_parameter` is the name of a bound parameter such as `$secret`: a literal could end up in a log. The key
    goes in twice, so that nothing can be appended to a value that was digested.
    """
    key = f"{secret_parameter}::VARCHAR"
    return f"sha256({key} || sha256({key} || ({value})))"


def digest(key: str, value: str) -> str:
    """The same in Python."""
    inner = hashlib.sha256((key + value).encode()).hexdigest()
    return hashlib.sha256((key + inner).encode()).hexdigest()


def suppression_list(con: duckdb.DuckDBPyConnection, home: Home, target: Path) -> SuppressionList | None:
    """Write the digests of the table `suppressions` to `target`, for sessions that do not see the lake.

    None, at the cost of one look, where nothing was ever erased. Raises RapportError where the key is missing.
    """
    if not has_rows(con, "suppressions"):
        return None
    read_key(key_path(home))
    con.execute(f"COPY (SELECT kind, digest, until_at FROM suppressions) TO {literal(str(target))} (FORMAT parquet)")
    return SuppressionList(target, key_path(home))
