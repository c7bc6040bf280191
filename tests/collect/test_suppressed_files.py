"""Landed files whose records an erasure keeps out: read, blanked and noted in one run, or after a kill by the next."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

import flows.ingest
from flows.ingest import ingest_paths
from flows.landing import settle_landing, waiting
from flows.progress import Counts
from pipelines.collect.landing import LandedFile, digest, drafted, pending, settle
from tests.collect.segment_calls import lines, track
from tests.warehouse.homes import note
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import Lake, open_writer
from warehouse.suppression import digest_sql, secret

PERSON = "jane.doe@example.org"
UNTIL = "2020-12-31T00:00:00Z"
PAYLOADS = [
    track(userId="u1"),
    [track(userId=PERSON), track(userId="u2")],
    track(userId=PERSON, timestamp="2021-01-01T00:00:00Z"),
    "{broken",
    track(userId=PERSON, event=""),
]
COUNTS = Counts(received=6, loaded=3, rejected=1, suppressed=2)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home from which PERSON was erased."""
    made = Home(tmp_path / "home")
    with open_writer(made) as lake, lake.commit() as run:
        digested = f"INSERT INTO suppressions SELECT 's1', 'identifier', {digest_sql('$value::VARCHAR', '$secret')}"
        lake.con.execute(
            f"{digested}, $until::TIMESTAMPTZ, {run.commit_seq}",
            {"value": f"user_id:{PERSON}", "secret": secret(made), "until": UNTIL},
        )
        note(lake, run, "erase")
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "calls.jsonl.gz"
    path.write_bytes(gzip.compress(lines(*PAYLOADS).encode()))
    return path


def landed(lake: Lake) -> list[tuple[Path, str, int]]:
    rows = lake.con.execute("SELECT path, sha256, suppressed_count FROM landing_files ORDER BY landed_at").fetchall()
    return [(lake.home.root / path, sha256, count) for path, sha256, count in rows]


def assert_blanked(lake: Lake) -> None:
    """Every loaded file is what its row says, and names the person only where they came back after the erasure."""
    for path, sha256, count in landed(lake):
        assert (digest(path), count) == (sha256, 2)
        texts = gzip.decompress(path.read_bytes()).decode().splitlines()
        assert [PERSON in text for text in texts] == [False, False, True, False, False]
    assert (pending(lake.home), drafted(lake.home)) == ([], [])
    assert lake.con.execute("SELECT row_number, reason_code FROM rejections").fetchall() == [(4, "bad_json")] * len(
        landed(lake)
    )


def test_records_of_the_erased_are_counted_and_blanked_whenever_they_come(home: Home, file: Path) -> None:
    with open_writer(home) as lake:
        assert ingest_paths(lake, "segment", [file]).counts == COUNTS
        assert_blanked(lake)
        places = lake.con.execute("SELECT row_number, element FROM interactions ORDER BY ALL").fetchall()
        assert places == [(1, 0), (2, 1), (3, 0)]
        assert gzip.decompress(file.read_bytes()).decode() == lines(*PAYLOADS)
        ((path, _, _),) = landed(lake)
        again = Counts(received=6, duplicate=3, rejected=1, suppressed=2)
        assert ingest_paths(lake, "segment", [path, file]).counts == again + again
        assert_blanked(lake)
        path.with_name(path.name + ".blank").write_bytes(b"of an erasure that was never committed")
        settle_landing(lake)
        assert_blanked(lake)


def test_a_file_without_records_of_the_erased_stays_as_it_is(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "others.jsonl"
    path.write_text(lines(track(userId="u9")))
    with open_writer(home) as lake:
        assert ingest_paths(lake, "segment", [path]).counts == Counts(received=1, loaded=1)
        ((kept, sha256, count),) = landed(lake)
        assert (kept.read_bytes(), digest(path), count) == (path.read_bytes(), sha256, 0)


Kill = Callable[[pytest.MonkeyPatch], None]


def killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def before_the_commit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(flows.ingest, "_write_landing", killed)


def after_the_commit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(flows.ingest, "settle", killed)


def after_the_file_took_its_name(patch: pytest.MonkeyPatch) -> None:
    real = Path.unlink
    patch.setattr(
        Path, "unlink", lambda path, **said: killed() if path.parent.name == "pending" else real(path, **said)
    )


@pytest.mark.parametrize("kill", [before_the_commit, after_the_commit, after_the_file_took_its_name])
def test_a_kill_at_any_step_is_mended_by_the_next_run(
    kill: Kill, home: Home, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        kill(patch)
        with pytest.raises(KeyboardInterrupt), open_writer(home) as lake:
            ingest_paths(lake, "segment", [file])
    with open_writer(home) as lake:
        left = waiting(lake)
        assert len(left) == (kill is before_the_commit)
        for found in left:
            assert digest(home.root / found.path) == found.sha256
            with lake.commit() as run:
                assert flows.ingest.load(lake, run, left, lambda _: None) == COUNTS
            settle(home, [found.file_id])
        assert_blanked(lake)


def test_a_landed_file_that_changed_before_it_was_loaded_stops_the_run(
    home: Home, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows.ingest, "load", killed)
    with pytest.raises(KeyboardInterrupt), open_writer(home) as lake:
        ingest_paths(lake, "segment", [file])
    (left,) = pending(home)
    assert isinstance(left, LandedFile)
    (home.root / left.path).write_bytes(b"other")
    with open_writer(home) as lake, pytest.raises(RapportError, match=r"\('calls.jsonl.gz'\) has changed"):
        waiting(lake)
