import json
from pathlib import Path

import pytest

from pipelines.simulate import web_calls

CALLS, FILES = 4_000, 3


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return web_calls(CALLS, 1, tmp_path_factory.mktemp("load"), FILES)


def test_a_load_has_exactly_the_calls_and_files_asked_for(paths: list[Path]) -> None:
    lines = [path.read_text().splitlines() for path in paths]
    assert len(lines) == FILES
    assert sum(len(part) for part in lines) == CALLS


def test_a_load_is_a_mixture_of_calls_of_realistic_size(paths: list[Path]) -> None:
    texts = [line for path in paths for line in path.read_text().splitlines()]
    calls = [json.loads(text) for text in texts]
    about = [call for call in calls if call.get("event") in {"Product Viewed", "Product Added", "Order Completed"}]
    assert 0.17 < len(about) / CALLS < 0.23
    assert {call["type"] for call in calls} == {"page", "track", "identify"}
    assert len({call["messageId"] for call in calls}) == CALLS - CALLS // 100
    assert 450 < sum(map(len, texts)) / CALLS < 620
    assert all(call["properties"]["products"] for call in calls if call.get("event") == "Order Completed")


def test_a_single_call_is_a_load(tmp_path: Path) -> None:
    (path,) = web_calls(1, 1, tmp_path, 5)
    assert json.loads(path.read_text())["messageId"]
