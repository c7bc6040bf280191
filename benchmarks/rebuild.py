"""`python -m benchmarks.rebuild`: a simulated world that lives through a lot is rebuilt, and must come out the same.

The world is shuffled and loaded in four runs, the last with 1 % of the records, late by up to 400 days; then twice
more; 500 pairs of customers are merged by events, 100 of them taken back by newer versions; 50 customers are erased.
Exit code 0 if the rebuild finds no difference, 1 if it finds some, 2 for wrong usage.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.ingest import in_child

DAYS = 400
AS_OF = "2026-03-01"
RUNS = 4
LATE_SHARE = 0.01
MERGES, TAKEN_BACK, ERASURES = 500, 100, 50
EVENTS_A_DAY = 1.0  # of a simulated customer, over all channels
SEED = 20
_MAPPING = """
[constants]
channel = "call"
event_name = "call_answered"

[columns]
event_id = "id"
occurred_at = "at"
source_version = "version"

[identifiers]
email = "email"
anonymous_id = "anonymous_id"
"""
_PAIRS = """
    WITH mailed AS (
        SELECT value, row_number() OVER (ORDER BY sha256(value)) AS number
        FROM identities
        WHERE known_to IS NULL AND kind = 'email'
    ),
    nameless AS (
        SELECT MIN(value) AS value, row_number() OVER (ORDER BY sha256(customer_id)) AS number
        FROM identities
        WHERE known_to IS NULL
        GROUP BY customer_id
        HAVING bool_and(kind = 'anonymous_id')
    )
    SELECT mailed.value, nameless.value
    FROM mailed
    JOIN nameless USING (number)
    WHERE number <= ?
    ORDER BY number
"""
_ERASED = """
    SELECT MIN(identifier)
    FROM identities
    WHERE known_to IS NULL AND kind = 'user_id'
    GROUP BY customer_id
    ORDER BY sha256(customer_id)
    LIMIT ?
"""


def live(root: Path, events: int) -> dict[str, Any]:
    """Let the home at `root` live through all of it; gives what there is then."""
    from flows.erasure import erase_home
    from flows.run import run_plain
    from pipelines.simulate import World, simulate
    from warehouse import open_lake
    from warehouse.home import Home

    home, world = Home(root / "home"), root / "world"
    home.prepare()
    customers = max(1, round(events / DAYS / EVENTS_A_DAY))
    simulate(World(customers, DAYS, SEED, late_share=LATE_SHARE), world)
    for mapping in (world / "mappings").iterdir():
        (home.mappings / mapping.name).write_bytes(mapping.read_bytes())
    rng = np.random.default_rng(SEED)
    deal(world, root / "dealt", rng)
    for number in [*range(RUNS), *rng.permutation(RUNS), *rng.permutation(RUNS)]:
        take(root / "dealt" / str(number), home.inbox)
        run_plain(home, AS_OF, _tell)
    say(home, "visits", visits())
    run_plain(home, AS_OF, _tell)
    with open_lake(home.root) as lake:
        pairs = lake.execute(_PAIRS, [MERGES]).fetchall()
        erased = [identifier for (identifier,) in lake.execute(_ERASED, [ERASURES]).fetchall()]
    for number, rows in enumerate(merging(pairs)):
        say(home, f"merges-{number}", rows)
        run_plain(home, AS_OF, _tell)
    erase_home(home, erased, _tell, is_scanned=False)
    run_plain(home, AS_OF, _tell)
    with open_lake(home.root) as lake:
        counts = lake.execute(
            "SELECT (SELECT SUM(received_count)::BIGINT FROM landing_files), (SELECT COUNT(*) FROM interactions), "
            "(SELECT COUNT(*) FROM profiles), (SELECT COUNT(*) FROM landing_files)"
        ).fetchall()[0]
    return dict(zip(("received", "interactions", "profiles", "files"), counts, strict=True)) | {
        "merges": len(pairs),
        "taken_back": min(TAKEN_BACK, len(pairs)),
        "erasures": len(erased),
    }


def deal(world: Path, out: Path, rng: np.random.Generator) -> None:
    """Deal the lines of every file into RUNS files in random order; the last one takes those that come late."""
    for path in sorted(p for p in world.rglob("*") if p.suffix in (".jsonl", ".json", ".csv")):
        lines = path.read_bytes().splitlines(keepends=True)
        head = [lines.pop(0)] if path.suffix == ".csv" else []
        number = rng.integers(0, RUNS - 1, len(lines))
        number[rng.random(len(lines)) < LATE_SHARE] = RUNS - 1
        for part in range(RUNS):
            chosen = rng.permutation(np.flatnonzero(number == part))
            target = out / str(part) / path.relative_to(world)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"".join([*head, *(lines[place] for place in chosen)]))


def take(folder: Path, inbox: Path) -> None:
    """Put the files of `folder` into the inbox; they stay where they are, too."""
    for path in folder.rglob("*"):
        if path.is_file():
            target = inbox / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(path)


def visits() -> list[str]:
    """Calls of devices of which nothing else is known, so that there is one for each merge."""
    return [f"visit-{n},2025-11-30T10:00:00Z,1,,visitor-{n}" for n in range(MERGES)]


def merging(pairs: Sequence[tuple[str, str]]) -> Iterator[list[str]]:
    """Calls that name an address and a device together; then newer versions of some that do not name the device."""
    at = "2025-12-01T10:00:00Z"
    yield [f"merge-{n},{at},1,{email},{device}" for n, (email, device) in enumerate(pairs)]
    yield [f"merge-{n},{at},2,{email}," for n, (email, _) in enumerate(pairs[:TAKEN_BACK])]


def say(home: Any, name: str, rows: Sequence[str]) -> None:
    """Put rows of a call centre into the inbox, as file `name`."""
    (home.mappings / "calls.toml").write_text(_MAPPING, encoding="utf-8")
    path = home.inbox / "table" / "calls" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["id,at,version,email,anonymous_id", *rows, ""]), encoding="utf-8")


def rebuilt(root: Path) -> dict[str, Any]:
    """Rebuild the home at `root`: seconds, peak resident MiB, what differs."""
    from dataclasses import asdict

    from flows.rebuild import rebuild
    from warehouse.home import Home

    began = time.perf_counter()
    report = rebuild(Home(root / "home"), _tell)
    seconds = time.perf_counter() - began
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    different = {name: asdict(difference) for name, difference in report.differences.items()}
    return {"seconds": round(seconds, 1), "peak_mib": round(peak), "differences": different}


def _tell(message: str) -> None:
    sys.stderr.write(f"{message}\n")


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        yield Path(name)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print its figures; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rebuild", description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000, help="about how many events the world has")
    parser.add_argument("--folder", type=Path, help="a new folder to work in, which is kept")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    asked = parser.parse_args(argv)
    with _folder(asked.folder) as root:
        found = {**in_child(live, root, asked.events), **in_child(rebuilt, root)}
    if asked.json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        table = Table("", "", title="Rebuild")
        for name, value in found.items():
            table.add_row(name, f"{value:,}" if isinstance(value, int | float) else json.dumps(value))
        Console().print(table)
    return 1 if found["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
