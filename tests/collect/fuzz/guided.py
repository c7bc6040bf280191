"""Coverage-guided fuzzing of one reader: `python -m tests.collect.fuzz.guided READER [libFuzzer's options]`.

Needs atheris, which is not on every platform: `pip install -r requirements-fuzz.lock`.
"""

import hmac
import sys
from unittest.mock import patch

import atheris

with atheris.instrument_imports(include=["pipelines.collect", "email", "urllib.parse"]):
    from tests.collect.fuzz.readers import READERS


def main() -> None:
    """Fuzz until a limit among the options is reached; whatever a reader raises ends it with exit code 77."""
    name = sys.argv.pop(1)
    with patch.object(hmac, "compare_digest", return_value=True):  # so that what follows a signature is reached
        atheris.Setup(sys.argv, READERS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
