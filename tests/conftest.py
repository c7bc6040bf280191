"""What all tests may use."""

from collections.abc import Iterator

import pytest

from tests.catalogs import Cluster, running_cluster


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A private PostgreSQL, started once. Only for tests that are left out where it is not installed."""
    with running_cluster() as cluster:
        yield cluster
