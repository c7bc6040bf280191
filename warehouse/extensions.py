"""DuckDB sessions with the extensions of the installed wheels; nothing is ever downloaded."""

import os
import shutil
import uuid
from importlib.util import find_spec
from pathlib import Path

import duckdb

from schemas.table import literal
from warehouse.errors import RapportError
from warehouse.functions import add_functions
from warehouse.settings import Settings


def extension_path(name: str) -> Path:
    """The extension file of the wheel `duckdb-extension-<name>`. Raises RapportError if it is not installed."""
    spec = find_spec(f"duckdb_extension_{name}")
    for folder in spec.submodule_search_locations or [] if spec else []:
        path = Path(folder) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        if path.is_file():
            return path
    raise RapportError(
        f"DuckDB's extension '{name}' for version {duckdb.__version__} is not installed; "
        f"pip install duckdb-extension-{name}=={duckdb.__version__}"
    )


def session(settings: Settings, temporary: Path | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB in UTC that neither installs nor loads anything by itself.

    It spills to a folder of its own under `temporary`, `<process>-<random>`: two sessions with one folder write to
    the same files and destroy each other's data (duckdb/duckdb, issue 15173). Without `temporary` it never spills.
    Where the lake is encrypted, what is spilled is too.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "memory_limit": settings.memory_limit,
        "temp_directory": str(temporary / f"{os.getpid()}-{uuid.uuid4().hex}") if temporary else "",
    }
    if settings.threads:
        config["threads"] = settings.threads
    if settings.is_encrypted:
        config["temp_file_encryption"] = "true"
    con = duckdb.connect(config=config)
    if settings.is_encrypted:
        load_extension(con, "httpfs")  # its OpenSSL: DuckDB's own cryptography only reads
    con.execute("SET TimeZone = 'UTC'")
    add_functions(con)
    return con


def sweep_spills(temporary: Path) -> None:
    """Delete what sessions of processes that are no more have spilled under `temporary`."""
    for folder in temporary.iterdir():
        process = folder.name.partition("-")[0]
        if process.isdecimal() and not _is_alive(int(process)):
            shutil.rmtree(folder)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def load_ducklake(con: duckdb.DuckDBPyConnection) -> None:
    """Load DuckLake into the session."""
    load_extension(con, "ducklake")


def load_extension(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load the extension of the wheel `duckdb-extension-<name>`. Raises RapportError if it is not installed."""
    con.execute(f"LOAD {literal(str(extension_path(name)))}")
