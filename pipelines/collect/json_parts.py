"""Records within records: the turns of a conversation are records of their own and share what else it says."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.table import literal


@dataclass(frozen=True)
class Parts:
    """Where a whole (an object of a payload) holds its parts, each of which is a record.

    `paths`: path of an array, or of a single object (`data.item.source`) -> predicate over `member`, the text of the
    whole, that says whether its parts are meant; it must be true where all else is missing. `names` are given to the
    values of a part that is an array of as many, `text` to a part that is a text. What stands at one of
    the paths `shared` stays in the whole, too. A whole without parts is one record.
    """

    paths: Mapping[str, str]
    names: Sequence[str] = ()
    text: str = ""
    shared: Sequence[str] = ()

    def records_sql(self, divided: str) -> str:
        """A query over the query `divided` (file_no, row_number, problem, members): a row for each part.

        Adds `record` (its text), `element` (its place in the payload, from 0), `part_no` (its place in its whole, NULL
        for what has no parts), `part_count` and `whole` (text of the whole without its parts, NULL likewise).
        """
        return f"""
            WITH single AS (
                SELECT * EXCLUDE (members), unnest(members) AS member, unnest(range(len(members))) AS member_no
                FROM ({divided})
            ),
            searched AS (SELECT *, {self._found_sql()} AS found FROM single),
            counted AS (
                SELECT * EXCLUDE (found), len(found) > 0 AS has_parts,
                    CASE WHEN has_parts THEN found ELSE [member] END AS texts,
                    SUM(len(texts)) OVER (PARTITION BY file_no, row_number ORDER BY member_no) - len(texts) AS earlier
                FROM searched
            ),
            parted AS (
                SELECT * EXCLUDE (texts, member_no), unnest(texts) AS part, unnest(range(len(texts))) AS place,
                    CASE WHEN has_parts THEN len(texts) END AS part_count
                FROM counted
            )
            SELECT * EXCLUDE (member, has_parts, earlier, part, place), {self._record_sql()} AS record,
                (earlier + place)::INTEGER AS element,
                CASE WHEN has_parts THEN place END AS part_no,
                CASE WHEN has_parts THEN {self._rest_sql()} END AS whole
            FROM parted
        """

    def places_sql(self) -> str:
        """A list with a member for each of `paths`: {is_array, texts} of what stands there in `member`."""
        places = (f"{{'is_array': {_type_sql(path)} = 'ARRAY', 'texts': {self._at_sql(path)}}}" for path in self.paths)
        return f"CASE WHEN json_valid(member) THEN [{', '.join(places)}] END"

    def may_hold(self, payload: str) -> bool:
        """Whether a payload may hold parts: a cheap test for their names."""
        return any(f'"{path.rpartition(".")[2]}"' in payload for path in self.paths)

    def patch(self, number: int, value: str) -> str:
        """A JSON object that has the JSON text `value` at the path with this number, and nothing else."""
        names = list(self.paths)[number].split(".")
        return "".join(f"{{{json.dumps(name)}:" for name in names) + value + "}" * len(names)

    def _found_sql(self) -> str:
        found = ", ".join(map(self._at_sql, self.paths))
        return f"CASE WHEN json_valid(member) THEN flatten([{found}]) ELSE [] END"

    def _at_sql(self, path: str) -> str:
        """The texts of the parts at `path`; a part that is JSON's null is NULL."""
        value = f"json_extract(member, {literal(f'$.{path}')})"
        return f"""CASE
            WHEN NOT COALESCE({self.paths[path]}, FALSE) THEN []
            WHEN {_type_sql(path)} = 'ARRAY' THEN from_json({value}, '["JSON"]')::VARCHAR[]
            WHEN {_type_sql(path)} = 'OBJECT' THEN [{value}::VARCHAR]
            ELSE []
        END"""

    def _record_sql(self) -> str:
        # One CASE within another: both sides of an AND are computed, and the second stops at what is no JSON.
        if self.text:
            named = f"json_object({literal(self.text)}, part::JSON)::VARCHAR"
            return f"CASE WHEN part[1] = '\"' THEN CASE WHEN json_valid(part) THEN {named} ELSE part END ELSE part END"
        if not self.names:
            return "part"
        named = ", ".join(f"{literal(name)}, json_extract(part, '$[{n}]')" for n, name in enumerate(self.names))
        length = f"CASE WHEN json_valid(part) THEN json_array_length(part) = {len(self.names)} END"
        is_row = f"CASE WHEN part[1] = '[' THEN {length} END"
        return f"CASE WHEN {is_row} THEN json_object({named})::VARCHAR ELSE part END"

    def _rest_sql(self) -> str:
        rest = "member"
        for number, path in enumerate(self.paths):
            if path in self.shared:
                continue
            without = f"json_merge_patch({rest}, {literal(self.patch(number, 'null'))})::VARCHAR"
            rest = f"CASE WHEN len({self._at_sql(path)}) > 0 THEN {without} ELSE {rest} END"
        return rest


def _type_sql(path: str) -> str:
    return f"json_type(member, {literal(f'$.{path}')})"
