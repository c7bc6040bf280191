"""Coverage-guided fuzzing of one reader: `python -m tests.collect.fuzz.guided READER [libFuzzer's options]`.

Needs atheris, which is not on every platform: `pip install -r requirements-fuzz.lock`.
"""

import ctypes
import hmac
import os
import sys
from unittest.mock import patch

import atheris

with atheris.instrument_imports(include=["pipelines.collect", "email", "urllib.parse"]):
    from tests.collect.fuzz.readers import READERS


def end_at_once(status: int, _: int | None) -> None:
    """End the process without the exit handlers of C.

    libFuzzer calls C's exit with the interpreter's lock held; among the handlers Arrow waits for its threads, one of
    which may wait for that lock to give back a Python file.
    """
    os._exit(status)


_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)(end_at_once)


def main() -> None:
    """Fuzz until a limit among the options is reached; whatever a reader raises ends it with exit code 77."""
    name = sys.argv.pop(1)
    with patch.object(hmac, "compare_digest", return_value=True):  # so that what follows a signature is reached
        atheris.Setup(sys.argv, READERS[name])
        READERS[name](b"")  # the last handler is called first, and Arrow registers its own when it is first used
        ctypes.CDLL(None).on_exit(_HANDLER, None)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
