"""The PostgreSQL catalog: readers attach it themselves and see each commit as a whole; nothing is copied."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from warehouse.catalog_attach import CATALOG, METADATA, Publication, attach
from warehouse.catalog_data import claim, new_id
from warehouse.catalog_lease import REFUSED, WriterLease, connect
from warehouse.catalog_replace import replace_catalog
from warehouse.errors import RapportError
from warehouse.extensions import load_ducklake, load_extension
from warehouse.home import Home
from warehouse.lock import writer_lock
from warehouse.settings import Settings

_LAKE_TABLE = "CREATE TABLE IF NOT EXISTS public.rapport_lake (lake_id TEXT NOT NULL)"
_MAKE_ID = "INSERT INTO public.rapport_lake SELECT %s WHERE NOT EXISTS (SELECT FROM public.rapport_lake)"
_REASON = re.compile(r"ERROR:\s*(.*)")


class PostgresCatalog:
    """The catalog in the PostgreSQL database that the setting `catalog` names.

    A writer holds the home's lock, for its folders, and the lease of the database, as there may be other homes.
    """

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self._settings = settings
        self._note = home.root / "lake" / "lease"
        self._connection = connection_of(settings.catalog)
        self._writer = WriterLease(self._connection, settings.lease_seconds)

    def load(self, con: duckdb.DuckDBPyConnection) -> None:
        """Load the extensions that the catalog needs."""
        load_ducklake(con)
        load_extension(con, "postgres_scanner")

    @contextmanager
    def exclude(self, wait_seconds: float, tell: Callable[[str], None]) -> Iterator[None]:
        """Keep other writers out. Raises RapportError if one does not end within `wait_seconds`."""
        with writer_lock(self._home.root / "lake" / "writer.lock", wait_seconds, tell):
            try:
                self._writer.take(wait_seconds, tell)
                yield
            finally:
                self._writer.release()

    def attach_writer(self, con: duckdb.DuckDBPyConnection) -> None:
        """Attach the catalog for writing; its tables are made if they are missing."""
        with connect(self._connection) as session, session.transaction():
            session.execute(_LAKE_TABLE)
            is_new = session.execute(_MAKE_ID, [new_id()]).rowcount == 1
            ((lake_id,),) = session.execute("SELECT lake_id FROM public.rapport_lake").fetchall()
            claim(self._home, lake_id, is_new=is_new)
        encrypted = f"ENCRYPTED {self._settings.is_encrypted}"
        self._attach(con, self._writer.writer_connection, CATALOG, ["DATA_INLINING_ROW_LIMIT 0", encrypted])
        self._writer.fence()

    @contextmanager
    def committing(self) -> Iterator[None]:
        """Around each COMMIT. DuckLake's error quotes statistics, which are of persons: PostgreSQL's part is enough."""
        try:
            yield
        except duckdb.Error as problem:
            self._writer.confirm()
            raise _clearer(problem) from None

    def publish(self, con: duckdb.DuckDBPyConnection) -> None:
        """Nothing: a commit is visible to readers at once."""

    def newest(self) -> str | None:
        """The source of the catalog: it is always the newest publication."""
        return self._connection

    def lease(self) -> Publication:
        """The catalog itself."""
        return Publication(self._connection)

    def attach_reader(self, con: duckdb.DuckDBPyConnection, publication: Publication, name: str) -> None:
        """Attach the catalog read-only."""
        connection = make_conninfo(publication.source, application_name="rapport reader")
        self._attach(con, connection, name, ["READ_ONLY"])

    def in_use(self, con: duckdb.DuckDBPyConnection, grace_seconds: float) -> set[Path]:
        """The files that were needed within the last `grace_seconds`: a query that began then may still open them."""
        rows = con.execute(
            f"SELECT path FROM {METADATA}.ducklake_files_scheduled_for_deletion "
            "WHERE schedule_start > now() - to_microseconds(?)",
            [int(grace_seconds * 1_000_000)],
        ).fetchall()
        return {self._home.data.resolve() / path for (path,) in rows}

    def take_over(self, finished: Path) -> None:
        """Put the catalog in the file `finished` in this one's place, in one transaction that the fence lets pass."""
        with duckdb.connect(str(finished), read_only=True) as con, connect(self._writer.writer_connection) as session:
            try:
                replace_catalog(con, con.execute("SELECT current_database()").fetchall()[0][0], session)
            except psycopg.Error as problem:
                self._writer.confirm()
                reason = problem.diag.message_primary or type(problem).__name__  # the rest quotes statistics
                raise RapportError(f"the new lake could not take over: {reason}; nothing has changed") from None

    def surest_commit(self) -> int | None:
        """The commit that was the last when this home was opened before, if another home has had the lease since."""
        token, _, last = (self._note.read_text(encoding="utf-8") if self._note.exists() else "0 0").partition(" ")
        return None if int(token) == self._writer.token - 1 else int(last)

    def note_commit(self, newest: int) -> None:
        """Note the token of the lease, and that `newest` is the last commit now."""
        draft = self._note.with_suffix(".draft")
        draft.write_text(f"{self._writer.token} {newest}", encoding="utf-8")
        draft.replace(self._note)

    def confirm(self) -> datetime:
        """The time before which files of no commit are nobody's: those of the next writer are younger.

        Raises RapportError if there is a next writer.
        """
        now = datetime.now(UTC)
        self._writer.confirm()
        return now

    def _attach(self, con: duckdb.DuckDBPyConnection, connection: str, name: str, options: Sequence[str]) -> None:
        data = self._home.data.resolve()
        try:
            attach(con, f"postgres:{connection}", data, name, ["OVERRIDE_DATA_PATH TRUE", *options])
        except duckdb.Error as problem:
            raise _of_attaching(problem) from problem


def connection_of(setting: str) -> str:
    """How to connect, as libpq's keywords, for a setting `postgres:host=… dbname=…` or `postgres://…`.

    Raises RapportError for anything else, and for one that holds a password.
    """
    is_url = setting.startswith(("postgres://", "postgresql://"))
    if not (is_url or setting.startswith("postgres:")):
        raise RapportError("setting 'catalog' must be empty or begin with 'postgres:'; see docs/catalogs.md")
    try:
        found = conninfo_to_dict(setting if is_url else setting.removeprefix("postgres:"))
    except psycopg.ProgrammingError:  # its text would quote the setting
        raise RapportError(
            "setting 'catalog' cannot be read; write 'postgres:host=… dbname=…', with the keywords of libpq"
        ) from None
    if {"password", "sslpassword"} & found.keys():
        raise RapportError(
            "setting 'catalog' holds a password; take it out, and give it by the variable PGPASSWORD or PGPASSFILE"
        )
    return make_conninfo(**{name: str(value) for name, value in found.items()})


def _of_attaching(problem: duckdb.Error) -> Exception:
    if "Unable to connect" in str(problem):
        return RapportError(REFUSED.format(" ".join(str(problem).split())))
    if "does not exist" in str(problem):
        return RapportError("no lake is in that PostgreSQL database; `rapport init` makes one")
    return problem


def _clearer(problem: duckdb.Error) -> RapportError:
    reasons = _REASON.findall(str(problem))
    reason = reasons[-1] if reasons else str(problem).partition('"')[0].strip()
    return RapportError(f"the commit failed: {reason}; nothing of it was published, run it again")
