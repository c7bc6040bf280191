"""The Beam transform that resolves: nodes and ties become the anchors of customers.

Only identifiers and what ties them cross a shuffle. The rounds are unrolled, so that it runs on any engine; that they
were enough is asserted, and nothing is written if they were not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsIter

from pipelines.resolve.distributed.component import decide_component
from pipelines.resolve.distributed.records import Place, Tie
from pipelines.resolve.distributed.rounds import Edge, both_ways, downwards, large_star, small_star
from pipelines.resolve.partition import ACT, EVIDENCE
from warehouse.errors import RapportError
from warehouse.identity_settings import IdentitySettings

ROUNDS = 8
_NODE, _TIE, _LABEL = "node", "tie", "label"
# What is said of an identifier: which of these it is, and the Node or Tie.
Said = tuple[str, Any]


class _DecideComponent(beam.DoFn):
    def __init__(self, settings: IdentitySettings) -> None:
        super().__init__()
        self._settings = settings

    def process(self, component: tuple[str, Iterable[Said]], crowded: Iterable[str]) -> Iterator[Place]:
        said = list(component[1])
        nodes = [found for what, found in said if what == _NODE]
        ties = [found for what, found in said if what == _TIE]
        yield from decide_component(nodes, ties, frozenset(crowded), self._settings)


@dataclass
class FindComponents(beam.PTransform):
    """Edges -> (node, smallest node of its component), for every node that has an edge.

    Raises RapportError while the pipeline runs if `rounds` are not enough for the longest chain.
    """

    rounds: int = ROUNDS

    def expand(self, edges: Any) -> Any:
        """Fixed rounds, and one more that must change nothing."""
        found = edges
        for number in range(1, self.rounds + 1):
            found = found | f"Round {number}" >> _Round()
        last = found | "One round more" >> _Round()
        return (
            {"before": found | "Before" >> beam.Map(_counted), "after": last | "After" >> beam.Map(_counted)}
            | "Compare the last two rounds" >> beam.CoGroupByKey()
            | "Assert that they are the same" >> beam.MapTuple(_unchanged)
        )


class _Round(beam.PTransform):
    def expand(self, edges: Any) -> Any:
        return (
            edges
            | "Both ways" >> beam.FlatMap(both_ways)
            | "Neighbours" >> beam.GroupByKey()
            | "Large star" >> beam.FlatMapTuple(large_star)
            | "Downwards" >> beam.Map(downwards)
            | "Smaller neighbours" >> beam.GroupByKey()
            | "Small star" >> beam.FlatMapTuple(small_star)
            | "Once each" >> beam.Distinct()
        )


@dataclass
class ResolveIdentities(beam.PTransform):
    """{"nodes": Node, "ties": Tie} -> Place, one for each node."""

    settings: IdentitySettings
    rounds: int = ROUNDS

    def expand(self, inputs: Any) -> Any:
        """Components of all ties that may stand, then each component by itself."""
        nodes, ties = inputs["nodes"], inputs["ties"]
        crowded = AsIter({"nodes": nodes, "ties": ties} | "Find the crowded" >> _FindCrowded(self.settings))
        standing = ties | "Leave the crowded out" >> beam.Filter(_may_stand, crowded)
        labels = (
            standing
            | "Edges" >> beam.Map(lambda tie: (tie.left, tie.right))
            | "Find components" >> FindComponents(self.rounds)
        )
        said = {
            _LABEL: labels,
            _NODE: nodes | "Nodes by identifier" >> beam.Map(lambda node: (node.identifier, node)),
            _TIE: standing | "Ties by identifier" >> beam.Map(lambda tie: (tie.left, tie)),
        }
        return (
            said
            | "Bring labels to nodes and ties" >> beam.CoGroupByKey()
            | "By component" >> beam.FlatMapTuple(_by_component)
            | "Gather each component" >> beam.GroupByKey()
            | "Decide each component" >> beam.ParDo(_DecideComponent(self.settings), crowded)
        )


@dataclass
class _FindCrowded(beam.PTransform):
    settings: IdentitySettings

    def expand(self, inputs: Any) -> Any:
        released = (
            inputs["nodes"]
            | "Released" >> beam.Filter(lambda node: node.is_released)
            | "Their identifiers" >> beam.Map(lambda node: node.identifier)
        )
        limit = self.settings.degree_limit
        return (
            inputs["ties"]
            | "Of events" >> beam.Filter(lambda tie: tie.basis == EVIDENCE)
            | "From both ends" >> beam.FlatMap(lambda tie: both_ways((tie.left, tie.right)))
            | "Each pair once" >> beam.Distinct()
            | "Count the others" >> beam.combiners.Count.PerKey()
            | "Too many" >> beam.Filter(lambda found: found[1] > limit)
            | "Crowded identifiers" >> beam.Keys()
            | "Not released" >> beam.Filter(lambda found, spared: found not in set(spared), AsIter(released))
        )


def _may_stand(tie: Tie, crowded: Iterable[str]) -> bool:
    return tie.basis == ACT or not {tie.left, tie.right} & set(crowded)


def _counted(edge: Edge) -> tuple[Edge, int]:
    return (edge, 1)


def _unchanged(edge: Edge, found: dict[str, Iterable[int]]) -> Edge:
    if len(list(found["before"])) != len(list(found["after"])):
        raise RapportError("the rounds were not enough to find the components; give more rounds")
    return edge


def _by_component(identifier: str, found: dict[str, list[Any]]) -> Iterator[tuple[str, Said]]:
    """The node and its ties under the label of their component; a node without a label is alone."""
    label = next(iter(found[_LABEL]), identifier)
    for what in (_NODE, _TIE):
        for each in found[what]:
            yield (label, (what, each))
