"""What a plain reading of the rules makes of a small world: who is one customer."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.keys import key
from tests.resolve.worlds import IDENTITY, Event, links_of, parts, unblocked
from warehouse.settings import IdentitySettings

Pair = tuple[str, str]
Groups = dict[str, frozenset[str]]


def expected(
    events: Sequence[Event],
    identity: IdentitySettings = IDENTITY,
    linked: Sequence[Pair] = (),
    unlinked: Sequence[Pair] = (),
    proposed: Sequence[Pair] = (),
) -> dict[str, tuple[str, datetime]]:
    """What `current` must be, by a plain reading of the rules; `linked` and `proposed` in the order of acceptance."""
    first_seen: dict[str, datetime] = {}
    for found in events:
        for identifier in unblocked(found, identity):
            first_seen[identifier] = min(first_seen.get(identifier, found.occurred_at), found.occurred_at)
    evidence = [
        (one, other) for _, _, one, other in sorted(link for found in events for link in links_of(found, identity))
    ]
    plain = _Plain(first_seen, identity, [pair for pair in linked if set(pair) <= set(first_seen)])
    weak = [pair for pair in proposed if set(pair) <= set(first_seen) and pair not in unlinked]
    groups = plain.groups([pair for pair in dict.fromkeys(evidence) if pair not in unlinked], weak)
    return {
        identifier: (key(*parts(min(group, key=plain.rank))), first_seen[identifier])
        for identifier, group in groups.items()
    }


@dataclass(frozen=True)
class _Plain:
    """The rules, read off one by one."""

    first_seen: dict[str, datetime]
    identity: IdentitySettings
    linked: list[Pair]

    def groups(self, evidence: list[Pair], proposed: list[Pair]) -> Groups:
        degrees = {i: len({pair for pair in evidence if i in pair}) for i in self.first_seen}
        crowded = {i for i, degree in degrees.items() if degree > self.identity.degree_limit}
        evidence, proposed = ([pair for pair in pairs if not crowded & {*pair}] for pairs in (evidence, proposed))
        raw = self.accepted([*self.linked, *evidence, *proposed], lambda group: True)
        evidence, proposed = ([pair for pair in pairs if self.stands(pair, raw)] for pairs in (evidence, proposed))
        shared: set[str] = set()
        while True:
            evidence, proposed = ([pair for pair in pairs if not shared & {*pair}] for pairs in (evidence, proposed))
            found = self.accepted([*self.linked, *evidence, *proposed], self.is_allowed)
            claimed = {i for i in self.first_seen if len(self.claimants(i, evidence, found)) > 1} - self.given(found)
            if not claimed:
                return found
            shared |= claimed

    def accepted(self, pairs: Iterable[Pair], is_allowed: Callable[[frozenset[str]], bool]) -> Groups:
        groups = {identifier: frozenset([identifier]) for identifier in self.first_seen}
        for one, other in pairs:
            union = groups[one] | groups[other]
            if is_allowed(union):
                groups.update(dict.fromkeys(union, union))
        return groups

    def is_allowed(self, group: frozenset[str]) -> bool:
        held = Counter((parts(i)[0], self.period(i)) for i in group)
        return all(count <= self.identity.limit(kind) for (kind, _), count in held.items())

    def period(self, identifier: str) -> tuple[int, ...]:
        at, period = self.first_seen[identifier], self.identity.period(parts(identifier)[0])
        return {"ever": (), "year": (at.year,), "week": tuple(at.isocalendar()[:2])}[period]

    def stands(self, pair: Pair, raw: Groups) -> bool:
        is_account = any(parts(end)[0] in self.identity.account_kinds for end in pair)
        return is_account or len(raw[pair[0]]) <= self.identity.size_limit

    def claimants(self, identifier: str, evidence: list[Pair], found: Groups) -> set[frozenset[str]]:
        others = {other for pair in evidence if identifier in pair for other in pair}
        better = {other for other in others if self.rank(other) < self.rank(identifier)}
        kind = parts(identifier)[0]
        rivals = {i for i in better if parts(i)[0] == kind and self.period(i) == self.period(identifier)}
        return {found[other] for other in (better - rivals if self.identity.limit(kind) == 1 else better)}

    def given(self, found: Groups) -> set[str]:
        return {max(pair, key=self.rank) for pair in self.linked if found[pair[0]] == found[pair[1]]}

    def rank(self, identifier: str) -> tuple[int, datetime, str, str]:
        kind, value = parts(identifier)
        return (-self.identity.priority(kind), self.first_seen[identifier], value, kind)
