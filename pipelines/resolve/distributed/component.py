"""The rules over one component, by the function that decides on one machine."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import numpy as np

from pipelines.resolve.components import Nodes
from pipelines.resolve.distributed.records import Node, Place, Tie, in_order
from pipelines.resolve.partition import Facts, Ties, decide
from warehouse.identity_settings import IdentitySettings


def decide_component(
    nodes: Iterable[Node], ties: Iterable[Tie], crowded: frozenset[str], settings: IdentitySettings
) -> Iterator[Place]:
    """Where the identifiers of one component belong; `crowded` are those over their degree limit."""
    ordered = sorted(nodes, key=lambda n: (-settings.priority(n.kind), n.first_seen_at, n.value, n.kind))
    numbers = {node.identifier: number for number, node in enumerate(ordered)}
    arrays = _ties(in_order([tie for tie in ties if tie.left in numbers and tie.right in numbers]), numbers)
    decision = decide(
        _facts(ordered, crowded, settings),
        arrays,
        lambda chosen: arrays.where(np.isin(arrays.left, chosen)),
        settings.size_limit,
    )
    for node, anchor, relation in zip(ordered, decision.anchors.tolist(), decision.relations.tolist(), strict=True):
        yield Place(node.identifier, ordered[anchor].identifier, relation)


def _ties(ties: list[Tie], numbers: dict[str, int]) -> Ties:
    columns = ([numbers[t.left] for t in ties], [numbers[t.right] for t in ties], [t.basis for t in ties])
    left, right, basis = (np.array(column, dtype=np.int64) for column in columns)
    return Ties(left, right, basis)


def _facts(nodes: list[Node], crowded: frozenset[str], settings: IdentitySettings) -> Facts:
    groups = [(node.kind, _period(node.first_seen_at, settings.period(node.kind))) for node in nodes]
    known = sorted(set(groups))
    return Facts(
        groups=_numbers(groups, known),
        limits=np.array([settings.limit(kind) for kind, _ in known], dtype=np.int64),
        is_account=np.array([node.kind in settings.account_kinds for node in nodes], dtype=bool),
        is_crowded=np.array([node.identifier in crowded for node in nodes], dtype=bool),
        is_held=np.array([node.is_held for node in nodes], dtype=bool),
        is_released=np.array([node.is_released for node in nodes], dtype=bool),
    )


def _period(at: datetime, period: str) -> tuple[int, ...]:
    """The UTC calendar year or ISO week of a time; nothing for 'ever'."""
    return {"ever": (), "year": (at.year,), "week": tuple(at.isocalendar()[:2])}[period]


def _numbers(groups: list[tuple[str, tuple[int, ...]]], known: list[tuple[str, tuple[int, ...]]]) -> Nodes:
    numbers = {group: number for number, group in enumerate(known)}
    return np.array([numbers[group] for group in groups], dtype=np.int64)
