"""A collector in a process of its own, to be killed: `python -m tests.collect.server.victim HOME`."""

import sys
from pathlib import Path

from pipelines.collect.server.serve import serve
from warehouse.home import Home
from warehouse.settings import CollectorSettings, Settings, SourceSettings

SOURCES = {"shop": SourceSettings("segment", secrets={"write_key": "key-1"})}


def main(root: Path) -> None:
    """Collect on a free port; sealing so often that it happens under load, too."""
    settings = Settings(collector=CollectorSettings(port=0, seal_seconds=0.1), sources=SOURCES)
    serve(Home(root), settings, _tell)


def _tell(text: str) -> None:
    """For whoever started it and reads this."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
