from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """These worlds are small: more threads would cost more than they give."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAPPORT_THREADS", "1")
        yield
