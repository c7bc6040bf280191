import pytest

from pipelines.simulate import World
from tests.simulate.worlds import Written, write


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write(World(customers=120, days=200, seed=7), tmp_path_factory.mktemp("world"))
