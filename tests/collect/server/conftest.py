"""A running collector for a test."""

from collections.abc import Iterator

import pytest

from pipelines.collect.server import writer
from pipelines.collect.server.open_landing import request_seal, sealed_segments
from tests.collect.server.running import Running, running


@pytest.fixture(scope="session")
def only_collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One collector for all tests, as its start takes longer than a test."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(writer, "_TICK", 0.01)
        with running(tmp_path_factory.mktemp("collector")) as found:
            yield found


@pytest.fixture
def collector(only_collector: Running) -> Running:
    """A collector that has collected nothing."""
    assert request_seal(only_collector.home, 20.0)
    for segment in sealed_segments(only_collector.home):
        segment.path.unlink()
    return only_collector
