"""What all tests may use."""

from collections.abc import Iterator

import pytest

from tests.catalogs import Cluster, running_cluster

LONG = ("laws", "erase", "flows")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files of few long tests first, so that none is left to one worker at the end."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """These worlds are small: more threads of DuckDB would cost more than they give."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAPPORT_THREADS", "1")
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A private PostgreSQL, started once. Only for tests that are left out where it is not installed."""
    with running_cluster() as cluster:
        yield cluster
