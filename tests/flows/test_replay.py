"""Replay: exactly the rejected records that pass now are loaded, and nothing else moves."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from flows.erasure import erase_home
from flows.ingest import ingest_paths
from flows.rebuild import rebuild
from flows.replay import Chosen, ReplayReport, replay_rejections
from flows.run import run_plain
from tests.flows.cli import rapport
from tests.keep.till import MAPPING, row, written
from tests.laws.states import assert_conserved, contents, differences, held, one, rows, snapshot
from tests.laws.worlds import AS_OF, new_home
from warehouse.errors import UsageError
from warehouse.home import Home
from warehouse.lake import open_writer

TRANSLATED = MAPPING + '\n[values.event_name]\n"Kauf!" = "order_completed"\n"Retoure!" = "order_refunded"\n'
HALF = MAPPING + '\n[values.event_name]\n"Kauf!" = "order_completed"\n"Retoure!" = ""\n'
EVERYTHING = ("interactions", "interaction_versions", "orders", "rejections", "landing_files", "batches", "replays")
ALL = Chosen()
ROOT = Path(__file__).parents[2]
# A replay in a process that kills itself when it calls what is named.
KILLED = """
import os, signal, sys
from pathlib import Path
from flows import replay
from warehouse.home import Home
from warehouse.lake import open_writer

setattr(replay, sys.argv[2], lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
with open_writer(Home(Path(sys.argv[1]))) as lake:
    replay.replay_rejections(lake, replay.Chosen(), None, lambda _: None)
"""
GOOD = [row("g1", amount=5), row("g2", amount=7, user="u2")]
BAD = [row("b1", event="Kauf!", amount=3), row("b2", event="Retoure!", amount=2, user="u3")]


@pytest.fixture
def till() -> Iterator[Home]:
    """A home with two good rows and two that the mapping does not translate, in one file."""
    with new_home() as home:
        load(home, MAPPING, [*GOOD, *BAD])
        yield home


def load(home: Home, mapping: str, records: list[tuple[str, str]]) -> None:
    home.prepare()
    (home.mappings / "till.toml").write_text(mapping, encoding="utf-8")
    path = written(home, [text for _, text in records])
    with open_writer(home) as lake:
        ingest_paths(lake, "table", [path], "till")


def fix(home: Home, mapping: str = TRANSLATED) -> None:
    (home.mappings / "till.toml").write_text(mapping, encoding="utf-8")


def replay(home: Home, mapping: Path | None = None, chosen: Chosen = ALL) -> ReplayReport:
    with open_writer(home) as lake:
        return replay_rejections(lake, chosen, mapping, lambda _: None)


def counts(home: Home, table: str = "landing_files") -> list[tuple[Any, ...]]:
    found = "received_count, loaded_count, duplicate_count, rejected_count, suppressed_count"
    return rows(home, f"SELECT {found} FROM {table} WHERE received_count > 0 ORDER BY ALL")


def test_after_the_mapping_is_mended_exactly_the_rejected_records_are_loaded(till: Home) -> None:
    before = rows(till, "FROM interactions ORDER BY event_id")
    fix(till)
    assert replay(till) == ReplayReport(files=1, looked_at=2, loaded=2)
    assert_conserved(till)
    assert counts(till) == counts(till, "batches") == [(4, 4, 0, 0, 0)]
    assert rows(till, "SELECT event_id FROM interactions ORDER BY 1") == [("b1",), ("b2",), ("g1",), ("g2",)]
    assert rows(till, "FROM interactions WHERE event_id[1] = 'g' ORDER BY event_id") == before
    assert one(till, "SELECT COUNT(*) FROM rejections") == 0


def test_a_second_replay_writes_nothing_and_one_without_a_fix_neither(till: Home) -> None:
    was, kept = snapshot(till), contents(till, EVERYTHING)
    assert replay(till) == ReplayReport(files=1, looked_at=2, rejected=2)
    assert (snapshot(till), contents(till, EVERYTHING)) == (was, kept)
    fix(till)
    replay(till)
    was = snapshot(till)
    assert replay(till) == ReplayReport()
    assert snapshot(till) == was


def test_those_that_still_fail_keep_their_rejection_with_the_new_reason(till: Home) -> None:
    fix(till, HALF)
    assert replay(till) == ReplayReport(files=1, looked_at=2, loaded=1, rejected=1, changed=1)
    assert rows(till, "SELECT row_number, reason_code FROM rejections") == [(4, "missing_event_name")]
    assert_conserved(till)
    assert replay(till) == ReplayReport(files=1, looked_at=1, rejected=1)
    fix(till)
    assert replay(till) == ReplayReport(files=1, looked_at=1, loaded=1)
    assert counts(till) == [(4, 4, 0, 0, 0)]
    assert rows(till, "SELECT row_number, commit_seq FROM replays ORDER BY ALL") == [(3, 2), (4, 3)]


def test_only_what_is_chosen_is_read_again(till: Home) -> None:
    fix(till)
    for other in (Chosen(connector="segment"), Chosen(source="shop"), Chosen(reason="bad_json")):
        assert replay(till, chosen=other) == ReplayReport()
    assert replay(till, chosen=Chosen("table", "till", "event_name_not_snake_case")).loaded == 2


def test_a_record_that_came_otherwise_meanwhile_is_a_duplicate(till: Home) -> None:
    load(till, TRANSLATED, BAD[:1])
    assert replay(till) == ReplayReport(files=1, looked_at=2, loaded=1, duplicate=1)
    assert_conserved(till)
    assert sorted(counts(till)) == [(1, 1, 0, 0, 0), (4, 3, 1, 0, 0)]


def test_a_file_that_could_not_be_read_at_all_is_read_whole() -> None:
    with new_home() as home:
        load(home, 'format = "parquet"\n' + MAPPING, [*GOOD, *BAD])
        assert counts(home) == [(1, 0, 0, 1, 0)]
        fix(home, MAPPING)
        assert replay(home) == ReplayReport(files=1, looked_at=1, loaded=2, rejected=2, changed=2)
        assert counts(home) == [(4, 2, 0, 2, 0)]
        fix(home)
        assert replay(home).loaded == 2
        assert_conserved(home)
        assert rebuild(home, lambda _: None, is_trial=True).differences == {}


def test_a_setting_that_is_mended_lets_its_records_pass(till: Home) -> None:
    load(till, TRANSLATED, [row("c1", channel="pop_up_store", user="u5")])
    assert one(till, "SELECT COUNT(*) FROM rejections WHERE reason_code = 'unknown_channel'") == 1
    till.settings_file.write_text('[channels]\npop_up_store = "a shop for some days"\n', encoding="utf-8")
    assert replay(till).loaded == 3
    assert one(till, "SELECT channel FROM interactions WHERE event_id = 'c1'") == "pop_up_store"


def test_a_mapping_may_be_given_and_one_that_does_not_fit_changes_nothing(till: Home, tmp_path: Path) -> None:
    was, given_mapping = snapshot(till), tmp_path / "given.toml"
    given_mapping.write_text(MAPPING.replace('"at"', '"no such column"'), encoding="utf-8")
    with pytest.raises(UsageError, match="no such column"):
        replay(till, given_mapping)
    assert snapshot(till) == was
    given_mapping.write_text(TRANSLATED, encoding="utf-8")
    assert replay(till, given_mapping).loaded == 2


@pytest.mark.parametrize(
    ("moment", "is_committed"), [("find_outcome", False), ("write_progress", False), ("forget_outcome", True)]
)
def test_a_replay_that_is_killed_is_done_whole_or_not_at_all(till: Home, moment: str, is_committed: bool) -> None:
    fix(till)
    kept = contents(till, EVERYTHING)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(till.root), moment], cwd=ROOT, timeout=300, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (contents(till, EVERYTHING) == kept) != is_committed
    assert replay(till).loaded == (0 if is_committed else 2)
    assert one(till, "SELECT COUNT(*) FROM interactions") == 4
    assert_conserved(till)


@pytest.mark.long
def test_a_rebuild_gives_a_replayed_home_again_with_when_it_was_known(till: Home) -> None:
    run_plain(till, AS_OF, lambda _: None)
    fix(till, HALF)
    replay(till)
    fix(till)
    replay(till)
    run_plain(till, AS_OF, lambda _: None)
    stamps = rows(till, "SELECT event_id, commit_seq FROM interactions ORDER BY ALL")
    report = rebuild(till, lambda _: None)
    assert (report.differences, report.files) == ({}, 1)
    assert rows(till, "SELECT event_id, commit_seq FROM interactions ORDER BY ALL") == stamps
    assert_conserved(till)


@pytest.mark.long
def test_the_record_of_an_erased_person_is_kept_out_and_blanked_also_when_it_is_replayed(till: Home) -> None:
    load(till, MAPPING, [row("b3", event="Kauf!", user="ursula-the-first", email="ursula@shop.example")])
    load(till, MAPPING, [row("g3", user="ursula-the-first", email="ursula@shop.example")])
    run_plain(till, AS_OF, lambda _: None)
    path = till.root / one(till, "SELECT MIN(path) FROM landing_files WHERE rejected_count = 1")
    shutil.rmtree(till.root / "given")
    report = erase_home(till, ["user_id:ursula-the-first"], lambda _: None)
    assert report.search.traces == ()
    assert b"ursula" not in path.read_bytes()
    fix(till)
    assert replay(till).loaded == 2
    assert one(till, "SELECT COUNT(*) FROM interactions WHERE anchor = 'user_id:ursula-the-first'") == 0
    assert_conserved(till)


COPIES = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["order_completed", "Kauf!", "Retoure!", "Kauf!"]), st.integers(1, 3)),
    min_size=1,
    max_size=12,
)


@pytest.mark.long
@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(runs=st.lists(COPIES, min_size=1, max_size=2))
def test_whatever_was_rejected_ends_as_if_the_mapping_had_been_right(runs: list[list[tuple[int, str, int]]]) -> None:
    records = [[row(f"e{n}", event=name, version=v, amount=v) for n, name, v in copies] for copies in runs]
    with new_home() as mended, new_home() as right:
        for part in records:
            load(mended, MAPPING, part)
            load(right, TRANSLATED, part)
        fix(mended)
        replay(mended)
        assert_conserved(mended)
        for home in (mended, right):
            run_plain(home, AS_OF, lambda _: None)
        with held(mended) as left, held(right) as other:
            assert differences(left, other) == {}


class TestCommand:
    def test_a_replay_tells_what_became_of_the_records_and_what_to_do_next(self, till: Home) -> None:
        home = str(till.root)
        assert "None of these records pass now" in rapport("--home", home, "rejections", "--replay").out
        fix(till)
        assert f"rapport --home {home} run" in rapport("--home", home, "rejections", "--replay").out
        again = rapport("--home", home, "rejections", "--replay")
        assert (again.code, again.out.startswith("Nothing that was asked for was rejected")) == (0, True)
        assert rapport("--home", home, "rejections", "--replay", "--json").object["looked_at"] == 0

    def test_a_mapping_without_a_replay_is_a_wrong_call(self, till: Home) -> None:
        answer = rapport("--home", str(till.root), "rejections", "--mapping", "m.toml")
        assert (answer.code, "give --replay with it" in answer.err) == (2, True)

    def test_groups_tell_places_and_shapes_and_never_a_value(self, till: Home) -> None:
        answer = rapport("--home", str(till.root), "rejections", "--json")
        (group,) = answer.object["rejections"]
        assert (group["connector"], group["reason_code"], group["records"]) == ("table", "event_name_not_snake_case", 2)
        assert [(one["row_number"], one["element"]) for one in group["examples"]] == [(3, 0), (4, 0)]
        assert group["examples"][0]["shape"].startswith("{id: text of 2, event: text of 5, channel: text of 3")
        for told in (answer.out, rapport("--home", str(till.root), "rejections").out):
            assert "Kauf" not in told
            assert "u3" not in told
        assert rapport("--home", str(till.root), "rejections", "--source", "shop", "--json").object["rejections"] == []
