from pathlib import Path

from pipelines.simulate import World, simulate, web_calls
from tests.simulate.worlds import Written


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_world_gives_the_same_bytes(written: Written, tmp_path: Path) -> None:
    said: list[str] = []
    simulate(World(customers=120, days=200, seed=7), tmp_path, said.append)
    assert contents(tmp_path) == contents(written.out)
    assert [sentence.split(":")[0] for sentence in said[1:]] == ["web", "email", "pos", "crm"]


def test_another_seed_gives_another_world(written: Written, tmp_path: Path) -> None:
    simulate(World(customers=120, days=200, seed=8), tmp_path)
    ours, theirs = contents(written.out), contents(tmp_path)
    assert all(ours[name] != theirs[name] for name in theirs if not name.startswith("mappings/"))


def test_a_load_is_the_same_for_the_same_seed_only(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        web_calls(300, seed, tmp_path / name, 2)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a") != contents(tmp_path / "c")


def test_no_unfinished_file_is_left(written: Written) -> None:
    assert not list(written.out.rglob("*.part"))
