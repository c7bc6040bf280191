"""The readers in Python under a fuzzer that follows which code an input reaches, where it is installed."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.collect.fuzz.readers import READERS, seeds
from tests.collect.fuzz.rounds import for_some_time, seconds_of

_SHARE = 0.2  # of the time of a parser
_HANG_SECONDS = 300

pytestmark = pytest.mark.skipif(
    find_spec("atheris") is None, reason="atheris is not installed; pip install -r requirements-fuzz.lock"
)


@for_some_time
@pytest.mark.parametrize("name", READERS)
def test_no_input_that_a_fuzzer_finds_stops_a_reader(name: str, seconds: float, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds(name)):
        (corpus / str(number)).write_bytes(seed)
    limit = max(int(seconds_of(seconds) * _SHARE), 1)
    options = [f"-max_total_time={limit}", f"-timeout={_HANG_SECONDS}", f"-artifact_prefix={tmp_path}/", "-seed=1"]
    # What a subprocess covers is counted elsewhere: it would slow the fuzzer down.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.collect.fuzz.guided", name, *options, str(corpus)],
        capture_output=True,
        check=False,
        env=environment,
        cwd=Path(__file__).parents[3],
    )
    said = done.stderr.decode(errors="replace") + done.stdout.decode(errors="replace")
    found = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
    assert done.returncode == 0, (found, said[-3000:])
    assert "Done " in said
