"""One writer at a time on a PostgreSQL catalog: a lease row with a heartbeat, and a token that fences every commit.

Who takes the lease gets the next token. A trigger compares it with the token of the session that commits, inside
that transaction: a writer that was stopped, overtaken and continued cannot commit. The token's row is written only
when the lease changes hands, so the heartbeat, on another row, never disturbs a commit.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg
from psycopg.conninfo import make_conninfo

from warehouse.errors import RapportError

# Keys of advisory locks: of those that take the lease in turn, and of a token's holder as long as it is connected.
_TAKING, _HOLDING = 0x72617070, 0x6F727400
REFUSED = "PostgreSQL does not let us in: {}; look at `catalog` in rapport.toml, and at PGPASSWORD or PGPASSFILE"
_LOST = "another writer has taken over this lake"
_TABLES = """
CREATE TABLE IF NOT EXISTS public.rapport_fence (token INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS public.rapport_lease (
    token INTEGER NOT NULL, holder TEXT NOT NULL, expires_at TIMESTAMP WITH TIME ZONE NOT NULL
);
INSERT INTO public.rapport_fence SELECT 0 WHERE NOT EXISTS (SELECT FROM public.rapport_fence);
INSERT INTO public.rapport_lease SELECT 0, '', '-infinity' WHERE NOT EXISTS (SELECT FROM public.rapport_lease);
"""
_FENCE = f"""
CREATE OR REPLACE FUNCTION public.rapport_fence() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    -- FOR SHARE: the lease cannot change hands between here and the COMMIT.
    PERFORM FROM public.rapport_fence WHERE token::TEXT = current_setting('rapport.token', TRUE) FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION '{_LOST}';
    END IF;
    RETURN NULL;
END
$$
"""
# Every commit writes one of these tables, also that of an upkeep.
_FENCED = ("ducklake_snapshot", "ducklake_files_scheduled_for_deletion")
_UNFENCED = """
SELECT relname
FROM pg_class
WHERE oid = ANY(%s::REGCLASS[]) AND NOT EXISTS (
    SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgname = 'rapport_fence'
)
"""
_HELD = """
SELECT holder
FROM public.rapport_lease
WHERE expires_at > clock_timestamp() AND NOT pg_try_advisory_xact_lock(%s, token)
"""
_TAKE = """
UPDATE public.rapport_lease
SET token = token + 1, holder = %s, expires_at = clock_timestamp() + make_interval(secs => %s)
RETURNING token
"""
_DISCONNECT = """
SELECT pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND application_name LIKE 'rapport writer %'
"""
_BEAT = """
UPDATE public.rapport_lease
SET expires_at = clock_timestamp() + make_interval(secs => %s)
WHERE token = %s
"""
_END = "UPDATE public.rapport_lease SET expires_at = '-infinity' WHERE token = %s"


class WriterLease:
    """The right to write to the lake of one database, from `take` until `release` or until another takes it.

    `token` counts how often it changed hands.
    """

    def __init__(self, connection: str, seconds: int) -> None:
        self._connection = connection
        self._seconds = seconds
        self.token = 0
        self._session: psycopg.Connection | None = None
        self._connecting = threading.Lock()
        self._is_over = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="lease", daemon=True)

    @property
    def writer_connection(self) -> str:
        """How the lake's own sessions connect, so that the fence lets them pass."""
        return make_conninfo(
            self._connection,
            application_name=f"rapport writer {self.token}",
            options=f"-c rapport.token={self.token}",
        )

    def take(self, wait_seconds: float, tell: Callable[[str], None]) -> None:
        """Become the writer; wait up to `wait_seconds` for another to end or to be silent for its `seconds`.

        Raises RapportError after that, or if PostgreSQL refuses.
        """
        deadline, is_told = time.monotonic() + wait_seconds, False
        while holder := self._try():
            if time.monotonic() >= deadline:
                raise RapportError(f"{holder} is writing to this lake; wait until it is done and try again")
            if not is_told:
                tell(f"{holder} is writing to this lake; waiting")
                is_told = True
            time.sleep(0.1)
        self._heart.start()

    def fence(self) -> None:
        """Let the catalog's tables refuse commits of all others. To be called once they are there."""
        session = self._connected()
        session.execute(_FENCE)
        tables = [f"public.{name}" for name in _FENCED]
        for (name,) in session.execute(_UNFENCED, [tables]).fetchall():
            session.execute(
                f"CREATE TRIGGER rapport_fence AFTER INSERT OR DELETE ON public.{name} "
                "FOR EACH STATEMENT EXECUTE FUNCTION public.rapport_fence()"
            )

    def confirm(self) -> None:
        """Raises RapportError if another has become the writer."""
        try:
            row = self._fence_token()
        except psycopg.OperationalError:  # a connection may end, and the next one stand
            row = self._fence_token()
        if row is None or row[0] != self.token:
            raise RapportError(f"{_LOST}; nothing of this run was published, run it again")

    def _fence_token(self) -> tuple[int] | None:
        return self._connected().execute("SELECT token FROM public.rapport_fence").fetchone()

    def release(self) -> None:
        """Let the next writer in at once."""
        self._is_over.set()
        if self._heart.is_alive():
            self._heart.join()
        if self._session:
            with suppress(psycopg.OperationalError):
                self._session.execute(_END, [self.token])
            self._session.close()

    def _try(self) -> str | None:
        """Take the lease if it is free; else gives who has it."""
        session = self._connected()
        try:
            with session.transaction():
                session.execute("SET LOCAL lock_timeout = '5s'")
                session.execute("SELECT pg_advisory_xact_lock(%s)", [_TAKING])
                session.execute(_TABLES)
                held = session.execute(_HELD, [_HOLDING]).fetchone()
                if held:
                    return str(held[0])
                self._overtake(session)
                return None
        except psycopg.errors.LockNotAvailable:
            return "a writer that does not let go"

    def _overtake(self, session: psycopg.Connection) -> None:
        """Count the token up. Connections of a writer before would hold the fence in the midst of a commit."""
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        self.token = session.execute(_TAKE, [holder, self._seconds]).fetchall()[0][0]
        session.execute("SELECT pg_advisory_lock(%s, %s)", [_HOLDING, self.token])
        session.execute(_DISCONNECT)
        session.execute("UPDATE public.rapport_fence SET token = %s", [self.token])

    def _beat(self) -> None:
        while not self._is_over.wait(self._seconds / 3):
            with suppress(psycopg.OperationalError, RapportError):  # PostgreSQL is away: the next beat connects again
                if not self._connected().execute(_BEAT, [self._seconds, self.token]).rowcount:
                    return

    def _connected(self) -> psycopg.Connection:
        with self._connecting:
            if self._session is None or self._session.closed:
                self._session = connect(self._connection)
                if self.token:
                    self._session.execute("SELECT pg_try_advisory_lock(%s, %s)", [_HOLDING, self.token])
            return self._session


def connect(connection: str) -> psycopg.Connection:
    """A session outside of transactions. Raises RapportError if PostgreSQL does not let us in."""
    try:
        return psycopg.connect(connection, autocommit=True)
    except psycopg.OperationalError as problem:
        raise RapportError(REFUSED.format(" ".join(str(problem).split()))) from problem
