"""The benchmark of identity on a small world."""

import sys

import pytest

from benchmarks import identity
from benchmarks.identity import measure


def test_customers_are_told_apart_and_put_together_as_in_truth() -> None:
    figures = measure(2_000, 1)
    assert figures.precision >= 0.999
    assert figures.recall >= 0.98
    assert figures.shared_devices > 0


def test_a_world_of_one_seed_is_the_same_every_time() -> None:
    one, other = (measure(200, 7) for _ in range(2))
    assert (one.events, one.links, one.recall) == (other.events, other.links, other.recall)


def test_every_figure_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["identity", "--customers", "50"])
    identity.main()
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        *("customers", "events", "links", "seconds", "precision", "recall", "recall_with_shared", "shared_devices")
    ]
