"""Commands typed one after the other in one process, so that they share one ephemeral Prefect server.

`python -m tests.flows.flow_session HOME`: run, run again, run with a broken offer; a line of '=' on stderr after each.
"""

import sys
from pathlib import Path
from unittest.mock import patch

from flows.main import main


def session(home: Path) -> None:
    """Exit codes go to stderr, before the line that ends each command."""
    arguments = ["--home", str(home), "run", "--prefect", "--as-of", "2024-03-05", "--json"]
    _type(arguments)
    _type(arguments)
    (home / "offers" / "broken.toml").write_text("[[offer]]\n", encoding="utf-8")
    _type(arguments)


def _type(arguments: list[str]) -> None:
    with patch.object(sys, "argv", ["rapport", *arguments]):
        try:
            main()
        except SystemExit as end:
            sys.stdout.flush()
            sys.stderr.write(f"exit {end.code}\n=========\n")


if __name__ == "__main__":
    session(Path(sys.argv[1]))
