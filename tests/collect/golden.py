"""Golden samples of the connectors: `python -m tests.collect.golden NAME` writes what a sample becomes, to be reviewed.

tests/connectors/<name>/ holds the input (input.ndjson; input.csv and mapping.toml for rows and columns), the
interactions and the rejections that it must give.
"""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from pipelines.collect.connectors import connectors
from tests.collect.staged import Row, Staged, stage

SAMPLES = Path(__file__).parents[1] / "connectors"
# The same for every row of a test.
_OF_THE_RUN = ("batch_id", "commit_seq", "connector", "file_id", "ingested_at", "source")


def staged_sample(name: str) -> Staged:
    """What the sample of connector `name` becomes."""
    folder = SAMPLES / name
    if connectors()[name].framing != "table":
        return stage(name, (folder / "input.ndjson").read_bytes())
    mapping = (folder / "mapping.toml").read_text(encoding="utf-8")
    return stage(name, (folder / "input.csv").read_bytes(), mapping=mapping)


def shown_interactions(staged: Staged) -> list[Row]:
    """The interactions as golden files show them: without what is empty or of the run."""
    return [_shown(row) for row in staged.interactions]


def shown_rejections(staged: Staged) -> list[Row]:
    """The rejections as golden files show them: where and why."""
    return [{name: row[name] for name in ("row_number", "element", "reason_code")} for row in staged.rejections]


def expected(name: str, kind: str) -> list[Row]:
    """The golden rows of `kind` (interactions, rejections)."""
    lines = (SAMPLES / name / f"{kind}.ndjson").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _shown(row: Row) -> Row:
    assigned = ("received_at",) if row["is_received_assigned"] else ()
    kept = {key: value for key, value in row.items() if value is not None and key not in (*_OF_THE_RUN, *assigned)}
    return {key: _plain(value) for key, value in kept.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | Decimal):
        return value.isoformat() if isinstance(value, datetime) else str(value)
    if isinstance(value, list):
        return [{name: _plain(part) for name, part in member.items()} for member in value]
    return value


def _write(name: str, kind: str, rows: Sequence[Row]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (SAMPLES / name / f"{kind}.ndjson").write_text(text, encoding="utf-8")


def main(names: Sequence[str]) -> None:
    """Write the golden files of the connectors `names`."""
    for name in names:
        staged = staged_sample(name)
        _write(name, "interactions", shown_interactions(staged))
        _write(name, "rejections", shown_rejections(staged))


if __name__ == "__main__":
    main(sys.argv[1:])
