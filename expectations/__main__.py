"""The checkpoint as a process: `python -m expectations`, a JSON request on stdin, a JSON list on stdout.

Request: `{"suite": NAME, "paths": [FILE, ...], "declared": {COLUMN: [VALUE, ...]}}`, the last for what the settings
declare. The list has one object for each rule of the suite: code,
success, checked_count, unexpected_count. It holds no values.
"""

import json
import sys
from contextlib import redirect_stdout

from expectations.great import audit
from expectations.suites import suites


def main() -> None:
    """Answer the request on stdin."""
    request = json.load(sys.stdin)
    with redirect_stdout(sys.stderr):  # Great Expectations prints
        suite = suites()[request["suite"]].declaring(request["declared"])
        answers = audit(suite.checkpoint_rules, request["paths"])
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
