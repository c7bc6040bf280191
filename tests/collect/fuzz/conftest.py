import socket
from typing import NoReturn

import pytest


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a request asks for, nothing is fetched."""

    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        raise OSError("no network here")

    monkeypatch.setattr(socket, "create_connection", refuse)
