from pathlib import Path

import pytest

from tests.flows.cli import rapport


def test_a_simulated_world_can_be_loaded_as_its_last_words_say(home: str, tmp_path: Path) -> None:
    out = tmp_path / "a world"
    answer = rapport("simulate", "--customers", "20", "--days", "20", "--seed", "3", "--out", str(out), columns=80)
    assert answer.code == 0
    assert "segment/web-00000.jsonl" in answer.out
    (line,) = [line for line in answer.out.splitlines() if "ingest segment" in line]
    assert f"'{out}'" in line
    assert rapport("--home", home, "ingest", "segment", str(out / "segment" / "web-00000.jsonl")).code == 0


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    def written(name: str) -> dict[str, bytes]:
        out = tmp_path / name
        found = rapport("simulate", "--customers", "5", "--days", "9", "--out", str(out), "--json").object
        assert sum(found["files"].values()) == sum(found["channels"].values())
        return {path: (out / path).read_bytes() for path in found["files"]}

    assert written("first") == written("second")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--customers", "0", "--days", "1", "--out", "{folder}/o"], "customers is 0; give 1 or more"),
        (["--customers", "1", "--days", "-1", "--out", "{folder}/o"], "days is -1; give 1 or more"),
        (["--customers", "1", "--days", "1", "--seed", "-1", "--out", "{folder}/o"], "seed is -1; give 0 or more"),
        (["--customers", "1", "--days", "1", "--out", "{folder}/file"], "is a file"),
        (["--customers", "1", "--days", "1", "--out", "{folder}/full"], "holds a simulation already"),
    ],
)
def test_a_world_that_cannot_be_is_a_wrong_call(arguments: list[str], what: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "truth.parquet").touch()
    answer = rapport("simulate", *(word.format(folder=tmp_path) for word in arguments))
    assert (answer.code, answer.out) == (2, "")
    assert what in answer.err
