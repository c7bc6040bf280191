"""`rapport` as it is typed: in this process, or in one of its own."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from flows.main import main

ROOT = Path(__file__).parents[2]
SCRIPT = Path(sys.executable).with_name("rapport")
EVENTS = [
    {
        "type": "track",
        "messageId": "m1",
        "event": "Order Completed",
        "userId": "u1",
        "timestamp": "2024-03-01T10:00:00Z",
        "properties": {
            "order_id": "o1",
            "revenue": 12.5,
            "currency": "EUR",
            "products": [{"product_id": "p1", "category": "Tea [/red]", "quantity": 1, "price": 12.5}],
        },
    },
    {
        "type": "identify",
        "messageId": "m2",
        "userId": "u1",
        "anonymousId": "a1",
        "timestamp": "2024-03-01T10:01:00Z",
        "traits": {"email": "one@example.com", "preferred_channel": "email", "loyalty_id": "77"},
        "context": {"externalIds": [{"type": "loyalty_id", "id": "77"}]},
    },
    {
        "type": "track",
        "messageId": "m3",
        "event": "Product Viewed",
        "anonymousId": "a1",
        "timestamp": "2024-03-02T10:00:00Z",
        "properties": {"product_id": "p2", "category": "Tea [/red]"},
    },
    {"type": "page", "messageId": "m5", "userId": "77", "timestamp": "2024-03-03T10:00:00Z", "properties": {}},
]
BROKEN = '{"type":"track","messageId":"m4","event":"Product Vie'


@dataclass(frozen=True)
class Answer:
    """Exit code, and what was written to stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> dict[str, Any]:
        """The one JSON object on stdout; fails if there is anything else."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        assert self.out.count("\n") == 1
        return found


def rapport(*arguments: str, columns: int = 160, **environment: str) -> Answer:
    """Type `rapport` with these arguments, in this process."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True), io.StringIO()
    variables = {"COLUMNS": str(columns), **environment}
    with patch.dict(os.environ, variables), patch.object(sys, "argv", ["rapport", *arguments]):
        for name in {"RAPPORT_HOME", "PREFECT_API_URL"} - environment.keys():
            os.environ.pop(name, None)
        code = _code(out, err)
    out.buffer.seek(0)
    return Answer(code, out.buffer.read().decode(), err.getvalue())


def _code(out: io.TextIOWrapper, err: io.StringIO) -> int:
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def process(*command: str, place: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own whose home, working and temporary folders lie under `place`."""
    folders = {name: place / name for name in ("person", "work", "tmp")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    kept = {
        name: value for name, value in os.environ.items() if name.split("_")[0] not in ("RAPPORT", "PREFECT", "XDG")
    }
    variables = {"HOME": str(folders["person"]), "TMPDIR": str(folders["tmp"]), "COLUMNS": "80", **environment}
    return subprocess.run(
        command, cwd=folders["work"], env=kept | variables, capture_output=True, text=True, timeout=600, check=False
    )


def left_outside(place: Path) -> list[Path]:
    """The files that `process` left in the folders that are nobody's business."""
    return [path for name in ("person", "work", "tmp") for path in (place / name).rglob("*") if path.is_file()]


def write_events(path: Path, *, is_broken: bool = True) -> Path:
    """Four Segment calls of two customers, and a line that was cut off."""
    lines = [json.dumps(event) for event in EVENTS] + [BROKEN] * is_broken
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
