"""Worlds as loose records that can be dealt into any files and runs, and homes to run them in."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from pathlib import Path
from random import Random

from flows.run import run_plain
from flows.work import RunReport
from pipelines.simulate import World, simulate
from warehouse.home import Home
from warehouse.lake import open_writer

AS_OF = "2026-01-01"
Record = tuple[str, str]  # stream, text
JSON_STREAMS = ("segment", "sendgrid")
_NUMBERS = count()


@dataclass(frozen=True)
class Load:
    """Records of several streams: `segment`, `sendgrid`, or a source of the table connector (with head and mapping)."""

    records: tuple[Record, ...]
    heads: dict[str, str] = field(default_factory=dict)
    mappings: dict[str, str] = field(default_factory=dict)

    def of(self, records: Sequence[Record]) -> "Load":
        """The same streams with other records."""
        return replace(self, records=tuple(records))

    def shuffled(self, random: Random) -> "Load":
        """The same records in another order."""
        return self.of(random.sample(self.records, len(self.records)))

    def dealt(self, parts: int, random: Random) -> list["Load"]:
        """The records dealt at random into `parts` loads."""
        places = [random.randrange(parts) for _ in self.records]
        return [self.of([r for r, place in zip(self.records, places, strict=True) if place == n]) for n in range(parts)]

    def stream(self, name: str) -> list[str]:
        """The texts of one stream."""
        return [text for stream, text in self.records if stream == name]


def world(customers: int, days: int, seed: int, duplicate_share: float = 0.05) -> Load:
    """The loose records of a simulated world with a few broken ones among them."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        simulate(World(customers, days, seed, duplicate_share=duplicate_share), out)
        return _with_broken(_loose(out), Random(seed))


@cache
def small_world(seed: int) -> Load:
    """About 250 records of five customers over a month."""
    return world(5, 30, seed)


def _loose(out: Path) -> Load:
    records: list[Record] = []
    for line in _lines(out / "segment"):
        call = json.loads(line)
        records += [("segment", json.dumps(each)) for each in call.get("batch", [call])]
    for line in _lines(out / "sendgrid"):
        records += [("sendgrid", json.dumps(event)) for event in json.loads(line)]
    heads = {}
    for folder in sorted((out / "table").iterdir()):
        for path in sorted(folder.iterdir()):
            heads[folder.name], *cells = path.read_text(encoding="utf-8").splitlines()
            records += [(folder.name, row) for row in cells]
    mappings = {path.stem: path.read_text(encoding="utf-8") for path in (out / "mappings").iterdir()}
    return Load(tuple(records), heads, mappings)


def _lines(folder: Path) -> list[str]:
    return [line for path in sorted(folder.iterdir()) for line in path.read_text(encoding="utf-8").splitlines()]


def _with_broken(load: Load, random: Random) -> Load:
    """The load and one record in forty that must be refused: without id, without name, without anything."""
    broken = [
        ("segment", '{"type":"track","event":"Seen","anonymousId":"a"}'),
        ("segment", '{"type":"shout","messageId":"m","anonymousId":"a"}'),
        ("sendgrid", '{"email":"a@b.example","timestamp":1735689600}'),
        *((source, "," * head.count(",")) for source, head in load.heads.items()),
    ]
    records = list(load.records)
    for _ in range(max(1, len(records) // 40)):
        records.insert(random.randrange(len(records)), random.choice(broken))
    return load.of(records)


@contextmanager
def new_home() -> Iterator[Home]:
    """An empty home that goes afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield Home(Path(folder))


def copied(home: Home, folder: Path) -> Home:
    """The same home in `folder`, to be changed: a home can be copied as it is."""
    return Home(Path(shutil.copytree(home.root, folder / "home")))


def spoil(home: Home, *statements: str) -> None:
    """Change the lake behind everybody's back."""
    with open_writer(home) as lake, lake.commit():
        for statement in statements:
            lake.con.execute(statement)


def drop(home: Home, load: Load, random: Random | None = None, files: int = 1) -> None:
    """Put the load into the inbox, in files of each stream; with `random` JSON records share lines at random."""
    home.prepare()
    for source, text in load.mappings.items():
        (home.mappings / f"{source}.toml").write_text(text, encoding="utf-8")
    for stream in sorted({stream for stream, _ in load.records}):
        texts = load.stream(stream)
        for part in range(files):
            chosen = texts[part::files]
            if chosen:
                _write(home, load, stream, chosen, random)


def _write(home: Home, load: Load, stream: str, texts: list[str], random: Random | None) -> None:
    if stream in JSON_STREAMS:
        path = home.inbox / stream / f"{next(_NUMBERS):06d}.jsonl"
        lines = _packed(stream, texts, random)
    else:
        path = home.inbox / "table" / stream / f"{next(_NUMBERS):06d}.csv"
        lines = [load.heads[stream], *texts]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _packed(stream: str, texts: list[str], random: Random | None) -> list[str]:
    """The records on lines: single ones, Segment's batches, SendGrid's requests."""
    lines, rest = [], texts
    while rest:
        size = random.randint(1, 6) if random else 1
        chosen, rest = rest[:size], rest[size:]
        array = f"[{','.join(chosen)}]"
        batch = array if stream == "sendgrid" else f'{{"batch":{array}}}'
        lines.append(chosen[0] if len(chosen) == 1 else batch)
    return lines


def run(home: Home, as_of: str = AS_OF) -> RunReport:
    """The main job on what lies in the inbox."""
    return run_plain(home, as_of, lambda _: None)


def run_load(home: Home, load: Load, random: Random | None = None) -> RunReport:
    """Put the load into the inbox and run the main job."""
    drop(home, load, random)
    return run(home)
