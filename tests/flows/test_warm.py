"""One process that runs increment after increment on a lake that it keeps open."""

from random import Random

import pytest

from flows.steps import PLAIN, main_job
from flows.work import Work
from tests.laws.states import assert_conserved, differences, held
from tests.laws.worlds import AS_OF, drop, new_home, run_load, small_world
from warehouse.key_index import segments
from warehouse.lake import Lake, open_writer


def left(lake: Lake) -> list[tuple[str]]:
    """Temporary tables and views of the session, and tables registered with it."""
    return lake.con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'temp' "
        "UNION SELECT view_name FROM duckdb_views() WHERE database_name = 'temp' AND NOT internal"
    ).fetchall()


def test_increments_of_one_process_give_the_state_of_one_run_and_leave_nothing_behind() -> None:
    load = small_world(3)
    with new_home() as together, new_home() as apart:
        run_load(together, load)
        apart.prepare()
        with open_writer(apart) as lake:
            for part in load.dealt(4, Random(7)):
                drop(apart, part)
                report = main_job(Work(lake, AS_OF, lambda _: None), PLAIN)
                assert not report.is_idle
                assert left(lake) == []
            assert main_job(Work(lake, AS_OF, lambda _: None), PLAIN).is_idle
            assert list(apart.staging.iterdir()) == []
        assert_conserved(apart)
        with held(together) as one, held(apart) as other:
            assert differences(one, other) == {}


def test_a_run_that_fails_leaves_the_process_ready_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    load = small_world(4)
    with new_home() as together, new_home() as apart:
        run_load(together, load)
        drop(apart, load)
        with open_writer(apart) as lake:
            with monkeypatch.context() as patch:
                patch.setattr("pipelines.decide.decide.store_offers", lambda *_: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    main_job(Work(lake, AS_OF, lambda _: None), PLAIN)
            assert main_job(Work(lake, AS_OF, lambda _: None), PLAIN).files == 4
            assert len(segments(apart.index)) == 1
        with held(together) as one, held(apart) as other:
            assert differences(one, other) == {}
