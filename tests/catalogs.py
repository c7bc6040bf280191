"""Both catalogs for tests: a private PostgreSQL of Debian's binaries, and homes on it."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from warehouse.home import Home


def binaries() -> Path | None:
    """The folder of PostgreSQL's server programs, if they are installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("pg_ctl")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


CATALOGS = ("embedded", "postgres") if binaries() else ("embedded",)
on_both_catalogs = pytest.mark.parametrize("catalog", CATALOGS)
# The same for what hardly depends on the catalog: on PostgreSQL only by `make test-long`.
long_on_postgres = pytest.mark.parametrize(
    "catalog", ["embedded", *(pytest.param(name, marks=pytest.mark.long) for name in CATALOGS[1:])]
)
# The file system in memory, in which the cluster makes a folder of its own.
_MEMORY = Path("/dev") / "shm"
_ENOUGH_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL that listens on a socket in `folder` and on nothing else."""

    folder: Path

    def connection(self, database: str) -> str:
        """How to connect to a database of it."""
        return f"host={self.folder} user=rapport dbname={database}"

    def new_database(self, template: str = "template1") -> str:
        """Make a database, a copy of `template`; gives its name."""
        name = f"lake_{uuid.uuid4().hex}"
        with psycopg.connect(self.connection("postgres"), autocommit=True) as session:
            session.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def settings(self, database: str) -> str:
        """The line of rapport.toml that puts the catalog there."""
        return f'catalog = "postgres:{self.connection(database)}"\n'


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Start a cluster in a temporary folder, and remove it at the end. It keeps nothing safe from a power cut."""
    programs = binaries()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="rapport-", dir=_fast_place()))
    owner = _owner()
    if owner:
        shutil.chown(folder, owner)

    def call(program: str, *arguments: str) -> None:
        log = folder.with_suffix(".log")
        with log.open("ab") as out:
            done = subprocess.run([programs / program, *arguments], stdout=out, stderr=out, user=owner, cwd=folder)
        assert done.returncode == 0, log.read_text(encoding="utf-8")

    data = f"--pgdata={folder / 'data'}"
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    options += " -c full_page_writes=off -c max_wal_size=64MB"
    try:
        call("initdb", data, "--username=rapport", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        call("pg_ctl", data, "--wait", f"--options={options}", "start")
        try:
            yield Cluster(folder)
        finally:
            call("pg_ctl", data, "--mode=immediate", "stop")
    finally:
        shutil.rmtree(folder)
        folder.with_suffix(".log").unlink(missing_ok=True)


def _fast_place() -> Path | None:
    """Memory, if there is enough of it: a database is some 300 files, and each test makes one."""
    is_enough = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES
    return _MEMORY if is_enough and os.access(_MEMORY, os.W_OK) else None


def _owner() -> str | None:
    """Whom the server runs as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def copied_home(template: Home, to: Path, cluster: Cluster) -> Home:
    """A home of its own with a copy of the template's database."""
    home = Home(Path(shutil.copytree(template.root, to)))
    _, _, database = template.settings_file.read_text(encoding="utf-8").strip(' "\n').rpartition("=")
    home.settings_file.write_text(cluster.settings(cluster.new_database(database)), encoding="utf-8")
    return home
