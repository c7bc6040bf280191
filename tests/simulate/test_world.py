from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.simulate import World, simulate, web_calls
from warehouse.errors import UsageError


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"customers": 0}, "customers is 0; give 1 or more"),
        ({"days": 0}, "days is 0; give 1 or more"),
        ({"seed": -1}, "seed is -1; give 0 or more"),
        ({"channels": ("web", "smoke")}, "channels smoke can't be simulated"),
        ({"channels": ()}, r"channels \(none\) can't be simulated"),
        ({"late_share": 1.5}, "late_share is 1.5; give a share from 0 to 1"),
        ({"duplicate_share": -0.1}, "duplicate_share is -0.1"),
        ({"people": pa.table({"household_id": ["1", "2"]})}, "people has 2 rows; give one for each of 3"),
    ],
)
def test_what_makes_no_world_is_refused_with_the_mend(changes: dict[str, Any], complaint: str) -> None:
    arguments: dict[str, Any] = {"customers": 3, "days": 2, "seed": 1}
    with pytest.raises(UsageError, match=complaint):
        World(**(arguments | changes))


def test_a_world_begins_and_ends_at_utc_midnights() -> None:
    world = World(1, 2, 1, start=date(1970, 1, 2))
    assert (world.start_ms, world.end_ms) == (86_400_000, 3 * 86_400_000)


def test_seeds_and_names_give_streams_of_their_own() -> None:
    drawn = {World(1, 1, seed).stream(name).integers(0, 2**60) for seed in (0, 1, 2) for name in ("mails", "calls")}
    assert len(drawn) == 6
    assert World(1, 1, 1).salt != World(1, 1, 2).salt


def test_an_older_simulation_is_not_mixed_with_a_new_one(tmp_path: Path) -> None:
    world = World(2, 2, 1, channels=("crm",))
    simulate(world, tmp_path)
    with pytest.raises(UsageError, match="holds a simulation already"):
        simulate(world, tmp_path)


@pytest.mark.parametrize(("n", "files"), [(0, 1), (1, 0)])
def test_a_load_needs_a_call_and_a_file(n: int, files: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give 1 or more"):
        web_calls(n, 1, tmp_path, files)
