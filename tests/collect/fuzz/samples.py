"""What is fuzzed: the golden samples of all connectors, as lines and, where a connector reads them, as rows."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from pipelines.collect.connectors import connectors
from pipelines.collect.mapping import parse_mapping
from pipelines.collect.requests import ENVELOPE
from tests.collect.fuzz.byte_mutants import damaged_line
from tests.collect.fuzz.json_mutants import mutated, written
from tests.collect.fuzz.odd import NUMBERS, TEXTS, TIMES, odd_value
from tests.collect.golden import SAMPLES
from tests.collect.staged import Staged, stage

Pool = list[Any]


@dataclass(frozen=True, eq=False)
class Lines:
    """A sample of lines: `right` as they are in the golden sample, `documents` those that are JSON."""

    connector: str
    right: tuple[bytes, ...]
    documents: tuple[Any, ...]
    mapping: str | None = None

    def staged_right(self) -> Staged:
        """What becomes of the sample."""
        return self.staged(self.right)

    def staged(self, lines: Sequence[bytes]) -> Staged:
        """What becomes of a file of these lines."""
        return self.staged_file(b"".join(line + b"\n" for line in lines))

    def staged_file(self, *contents: bytes) -> Staged:
        """What becomes of files with these bytes."""
        return stage(self.connector, *contents, mapping=self.mapping, names=["input.ndjson"] * len(contents))

    def mutant(self, random: Random, pool: Pool) -> bytes:
        """A line that was right."""
        if not self.documents or random.random() < 0.2:
            line = random.choice(self.right)
            return (
                _mutated_cells(line, random, pool)
                if b"\t" in line and random.random() < 0.8
                else damaged_line(line, random)
            )
        document = mutated(random.choice(self.documents), self.documents, random, pool)
        return _as_line(written(self._placed(document, random, pool), is_ascii=random.random() < 0.7), random)

    def _placed(self, document: Any, random: Random, pool: Pool) -> Any:
        """A document alone, or among others as senders and the collector write them."""
        kind = random.random()
        others = [random.choice(self.documents) for _ in range(random.choice((0, 1, 3)))]
        found = connectors()[self.connector].records
        if kind < 0.7:
            return document
        if kind < 0.8:
            return [document, *others]
        if kind < 0.9 and found is not None and found.batch:
            return {
                found.batch: [document, *others],
                random.choice(("a", *found.envelope.values())): odd_value(random, pool),
            }
        request = mutated(
            {"received_at": "2024-03-01T10:00:00.123Z", "headers": {"x": "y"}}, self.documents, random, pool
        )
        return {
            ENVELOPE: request,
            random.choice(("body", "body", "body", "Body")): random.choice((document, [document, *others])),
        }


@dataclass(frozen=True, eq=False)
class Rows:
    """A sample of rows under a row of names; all of `right` have as many cells as that.

    `documents` are the objects that stand in the columns of Parquet alone, where the connector reads no delimited text.
    """

    connector: str
    header: tuple[str, ...]
    right: tuple[tuple[str, ...], ...]
    delimiter: str = ","
    mapping: str | None = None
    documents: tuple[dict[str, Any], ...] = ()

    def staged_right(self) -> Staged:
        """What becomes of the sample."""
        return self.staged(self.right)

    def staged(self, rows: Sequence[Sequence[str]]) -> Staged:
        """What becomes of a file of these rows."""
        return self.staged_file(self.file([self.header, *rows]))

    def staged_file(self, content: bytes, name: str = "input.csv") -> Staged:
        """What becomes of a file with these bytes."""
        return stage(self.connector, content, mapping=self.mapping, names=[name])

    def file(self, rows: Sequence[Sequence[str]]) -> bytes:
        """The rows as delimited text."""
        target = io.StringIO()
        csv.writer(target, delimiter=self.delimiter, lineterminator="\n").writerows(rows)
        return target.getvalue().encode("utf-8", "surrogatepass")

    def mutant(self, random: Random, pool: Pool) -> tuple[str, ...]:
        """A row that was right."""
        return tuple(_mutated_list(list(random.choice(self.right)), random, pool)) or ("",)


def _mutated_cells(line: bytes, random: Random, pool: Pool) -> bytes:
    cells = _mutated_list(line.decode().split("\t"), random, pool)
    return _as_line("\t".join(cell.replace("\t", " ") for cell in cells), random)


def _mutated_list(cells: list[str], random: Random, pool: Pool) -> list[str]:
    for _ in range(random.choice((1, 1, 2, 3))):
        place = random.randrange(len(cells) + 1)
        kind = random.random()
        if kind < 0.06:
            cells = cells[:place] + cells[place + 1 :]
        elif kind < 0.12:
            cells.insert(place, random.choice(TEXTS))
        elif place < len(cells):
            cells[place] = _mutated_cell(cells[place], random, pool)
    return cells


def _mutated_cell(cell: str, random: Random, pool: Pool) -> str:
    document = _document(cell.encode("utf-8", "replace")) if cell.startswith(("{", "[")) else None
    if document is not None and random.random() < 0.8:
        return written(mutated(document, [document], random, pool))
    new = random.choice((*TEXTS, *TIMES, *map(str, NUMBERS)))
    return new if random.random() < 0.8 else cell[: random.randrange(len(cell) + 1)] + new


def _as_line(text: str, random: Random) -> bytes:
    """A text as a line; what no UTF-8 holds makes it undecodable."""
    before, after = (random.choice(("", "", "", "", " ", "\t")) for _ in range(2))
    return f"{before}{text}{after}".encode("utf-8", "surrogatepass").replace(b"\n", b"\r")


@cache
def lines_of(name: str) -> Lines:
    """The lines of a connector's sample; those of rows as objects of their cells."""
    folder = SAMPLES / name
    if connectors()[name].framing == "table":
        rows = rows_of(name)
        assert rows is not None
        documents = tuple({key: cell for key, cell in zip(rows.header, row, strict=True) if cell} for row in rows.right)
        mapping = rows.mapping
        return Lines(name, tuple(written(document).encode() for document in documents), documents, mapping)
    lines = tuple((folder / "input.ndjson").read_bytes().splitlines())
    return Lines(name, lines, tuple(found for line in lines if isinstance(found := _document(line), dict | list)))


def _document(line: bytes) -> Any:
    try:
        return json.loads(line.decode())
    except ValueError:
        return None


@cache
def rows_of(name: str) -> Rows | None:
    """The rows of a connector's sample: of its input.csv, else its JSON objects in columns; None if it reads none."""
    connector, folder = connectors()[name], SAMPLES / name
    if connector.framing == "json":
        return None
    if not (folder / "input.csv").exists():
        return _rows_of_documents(name)
    mapping = (folder / "mapping.toml").read_text(encoding="utf-8") if connector.framing == "table" else None
    delimiter = parse_mapping(mapping).delimiter if mapping else ","
    text = (folder / "input.csv").read_bytes().decode("utf-8-sig", "replace")
    header, *rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    right = tuple(tuple(row) for row in rows if len(row) == len(header))
    return Rows(name, tuple(header), right, delimiter, mapping)


def _rows_of_documents(name: str) -> Rows:
    documents = tuple(found for found in lines_of(name).documents if isinstance(found, dict))
    header = tuple(dict.fromkeys(key for document in documents for key in document))
    right = tuple(tuple(_cell(document.get(key)) for key in header) for document in documents)
    return Rows(name, header, right, documents=documents)


def _cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else written(value)
