"""One writer a home."""

from pathlib import Path

import pytest

from tests.warehouse.homes import line, process
from warehouse.errors import RapportError
from warehouse.lock import writer_lock


def silent(message: str) -> None:
    raise AssertionError(f"told without need: {message}")


def test_a_free_lock_is_taken_at_once_and_can_be_taken_again(tmp_path: Path) -> None:
    path = tmp_path / "lake" / "writer.lock"
    for _ in range(2):
        with writer_lock(path, 0, silent):
            assert path.read_text(encoding="utf-8").isdecimal()


def test_a_second_writer_waits_tells_once_and_fails_clearly_after_the_wait(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "lake" / "writer.lock"
    with process("hold_lock", path) as holder:
        assert line(holder) == "held"
        with (
            pytest.raises(RapportError, match=rf"process {holder.pid} is writing to this home \({tmp_path}\); wait"),
            writer_lock(path, 0.25, told.append),
        ):
            raise AssertionError("two writers at once")
        assert told == [f"process {holder.pid} is writing to this home; waiting"]


def test_a_writer_that_waits_goes_on_when_the_other_is_done(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "lake" / "writer.lock"
    with process("hold_lock", path) as holder:
        assert line(holder) == "held"

        def let_go(message: str) -> None:
            told.append(message)
            assert holder.stdin is not None
            holder.stdin.write("\n")
            holder.stdin.flush()

        with writer_lock(path, 60, let_go):
            assert len(told) == 1


def test_the_lock_is_freed_when_its_holder_dies(tmp_path: Path) -> None:
    path = tmp_path / "lake" / "writer.lock"
    with process("hold_lock", path) as holder:
        assert line(holder) == "held"
        holder.kill()
        holder.wait()
        with writer_lock(path, 0, silent):
            pass


def test_the_lock_is_freed_by_an_error(tmp_path: Path) -> None:
    path = tmp_path / "writer.lock"
    with pytest.raises(ZeroDivisionError), writer_lock(path, 0, silent):
        raise ZeroDivisionError
    with writer_lock(path, 0, silent):
        pass
