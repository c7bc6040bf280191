from pathlib import Path

import pytest

from benchmarks.collector import measure
from tests.collect.server.running import landed


@pytest.mark.long
def test_every_event_that_is_counted_is_landed(tmp_path: Path) -> None:
    found = measure(tmp_path, events=2_000, batch=50, clients=2)
    batches = [line["batch"] for source, line in landed(tmp_path / "home") if source == "load"]
    ids = [call["messageId"] for batch in batches for call in batch]
    assert found.events == 2_000
    assert len([name for name in ids if name.startswith("client")]) == len(set(ids)) - 2 * 5 * 50 == 2_000
