"""A line of JSON as its reader divides it, and how it is written with blanks in the places of some records."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipelines.collect.erased import RECORD
from pipelines.collect.json_parts import Parts

Merge = Callable[[Sequence[str]], str]


@dataclass(frozen=True)
class Place:
    """The parts of a whole at one of its paths: the path's number, the texts of an array or of one object."""

    number: int
    is_array: bool
    texts: Sequence[str | None]

    def value(self, gone: Collection[int]) -> str:
        """What stands there, with blanks in the places `gone`."""
        texts = [RECORD if place in gone else text or "null" for place, text in enumerate(self.texts)]
        return f"[{','.join(texts)}]" if self.is_array else texts[0]


@dataclass(frozen=True)
class Member:
    """A member of a line: one record (`text`, None for JSON's null), or a whole with its parts."""

    text: str | None
    places: Sequence[Place] = ()

    @classmethod
    def of(cls, text: str | None, places: Sequence[Mapping[str, Any]] | None) -> "Member":
        """The member with the parts that were found in it."""
        found = (Place(n, place["is_array"], place["texts"]) for n, place in enumerate(places or ()) if place["texts"])
        return cls(text, tuple(found))

    @property
    def records(self) -> list[str | None]:
        """The texts of its records."""
        return [text for place in self.places for text in place.texts] if self.places else [self.text]

    def with_blanks(self, gone: Collection[int], parts: Parts, merge: Merge) -> str:
        """The whole with blanks in place of the parts `gone`; without all else if no part is left."""
        if len(gone) == len(self.records):
            return merge([parts.patch(place.number, place.value(range(len(place.texts)))) for place in self.places])
        written, first = self.text or "null", 0
        for place in self.places:
            own = {n - first for n in gone if first <= n < first + len(place.texts)}
            first += len(place.texts)
            if own:  # taken away first: an object would be laid over the other
                changes = [parts.patch(place.number, "null"), parts.patch(place.number, place.value(own))]
                written = merge([written, *changes])
        return written


@dataclass(frozen=True)
class DividedLine:
    """A line: its members, what else is in a batch's envelope; one member if not `is_many`.

    A line that is not `is_text` can only go as a whole. `parts` and `merge` are needed where a member has parts.
    """

    members: Sequence[Member]
    is_many: bool = False
    is_text: bool = True
    envelope: str | None = None
    batch: str | None = None
    parts: Parts | None = None
    merge: Merge | None = None

    @property
    def records(self) -> list[str | None]:
        """The texts of all records, by their element."""
        return [text for member in self.members for text in member.records]

    def sharing(self, gone: Collection[int], is_hit: Callable[[str], bool]) -> set[int]:
        """The records that go with what is hit beside them: the parts of a whole, all records of an envelope."""
        found: set[int] = set()
        for first, member in self._placed():
            places = set(range(first, first + len(member.records)))
            alone = replace(self, members=[member], is_many=False)
            if not places <= set(gone) and is_hit(alone.with_blanks({place - first for place in places & set(gone)})):
                found |= places
        return set(range(len(self.records))) if is_hit(self.with_blanks({*gone, *found})) else found

    def with_blanks(self, gone: Collection[int]) -> str:
        """The line with blanks in the places `gone`; without its envelope if nothing else is left."""
        texts = [self._text(member, {place - first for place in gone}) for first, member in self._placed()]
        if not self.is_many:
            return texts[0]
        array = f"[{','.join(texts)}]"
        if self.envelope is None or len(gone) == len(self.records):
            return array
        others = self.envelope[1:-1]
        return f'{{"{self.batch}":{array}{"," if others else ""}{others}}}'

    def _placed(self) -> Iterator[tuple[int, Member]]:
        """Each member with the element of its first record."""
        first = 0
        for member in self.members:
            yield first, member
            first += len(member.records)

    def _text(self, member: Member, places: Collection[int]) -> str:
        gone = {place for place in places if 0 <= place < len(member.records)}
        if not gone:
            return member.text or "null"
        if member.places and self.parts and self.merge:
            return member.with_blanks(gone, self.parts, self.merge)
        return RECORD
