import errno
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from pipelines.collect.server.metrics import Metrics
from pipelines.collect.server.open_landing import (
    CollectorFolder,
    is_any_sealed,
    remove_dead,
    request_seal,
    sealed_segments,
)
from pipelines.collect.server.tokens import UsedTokens
from pipelines.collect.server.writer import Lines, Sealing, TokenUsedError, Writer
from warehouse.home import Home

A, B = ("segment", "a"), ("segment", "b")


def writer_in(root: Path, sealing: Sealing) -> tuple[Writer, Metrics]:
    home, metrics = Home(root), Metrics()
    folder = CollectorFolder(home)
    return Writer(folder, sealing, UsedTokens(home.collected / "tokens.sqlite", 60.0), metrics), metrics


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    found, _ = writer_in(tmp_path, Sealing(3600.0, 1_000_000))
    found.start()
    yield found
    found.close()


def contents(root: Path) -> list[tuple[str, bytes]]:
    return sorted((segment.source, segment.path.read_bytes()) for segment in sealed_segments(Home(root)))


def until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_waits_is_written_with_one_fsync_a_source(tmp_path: Path) -> None:
    found, metrics = writer_in(tmp_path, Sealing(3600.0, 1_000_000))
    waiting = [found.submit(Lines(target, b"%d\n" % number)) for target in (A, B) for number in range(20)]
    found.start()
    assert [one.result() for one in waiting] == [None] * 40
    assert metrics.registry.get_sample_value("rapport_collector_fsync_seconds_count") == 2
    found.close()
    assert contents(tmp_path) == [(name, b"".join(b"%d\n" % n for n in range(20))) for name in "ab"]


def test_a_segment_is_sealed_by_its_size(tmp_path: Path) -> None:
    found, _ = writer_in(tmp_path, Sealing(3600.0, 10))
    found.start()
    for text in (b"12345\n", b"67890\n", b"x\n"):
        found.submit(Lines(A, text)).result()
    assert contents(tmp_path) == [("a", b"12345\n67890\n")]
    found.close()


def test_a_segment_is_sealed_by_its_age(tmp_path: Path) -> None:
    found, _ = writer_in(tmp_path, Sealing(0.05, 1_000_000))
    found.start()
    found.submit(Lines(A, b"1\n")).result()
    until(lambda: is_any_sealed(Home(tmp_path)))
    assert contents(tmp_path) == [("a", b"1\n")]
    found.close()


def test_a_token_counts_once_also_within_a_group_and_after_a_restart(tmp_path: Path) -> None:
    found, _ = writer_in(tmp_path, Sealing(3600.0, 1_000_000))
    waiting = [found.submit(Lines(A, b"%d\n" % number, "token")) for number in range(2)]
    waiting.append(found.submit(Lines(A, b"free\n")))
    found.start()
    assert [type(one.exception()) for one in waiting] == [type(None), TokenUsedError, type(None)]
    found.close()
    again, _ = writer_in(tmp_path, Sealing(3600.0, 1_000_000))
    again.start()
    assert isinstance(again.submit(Lines(A, b"2\n", "token")).exception(), TokenUsedError)
    again.close()
    assert contents(tmp_path) == [("a", b"0\nfree\n")]


def test_a_full_disk_takes_nothing_and_uses_up_no_token_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found, _ = writer_in(tmp_path, Sealing(3600.0, 1_000_000))
    found.start()
    found.submit(Lines(A, b"0\n")).result()

    def full(_handle: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.collect.server.segment_file.os.write", full)
        for _ in range(3):
            assert isinstance(found.submit(Lines(A, b"1\n", "token")).exception(), OSError)
    assert caplog.messages == ["the disk does not take events: No space left on device"]
    found.submit(Lines(A, b"1\n", "token")).result()
    found.close()
    assert contents(tmp_path) == [("a", b"0\n1\n")]


def test_a_source_that_the_disk_refuses_does_not_hold_up_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _ = writer_in(tmp_path, Sealing(3600.0, 1_000_000))
    opened = os.open

    def refusing(path: Path, *arguments: int) -> int:
        if "/b/" in str(path):
            raise OSError(errno.EMFILE, "Too many open files")
        return opened(path, *arguments)

    monkeypatch.setattr("pipelines.collect.server.segment_file.os.open", refusing)
    waiting = [found.submit(Lines(target, b"1\n")) for target in (A, B)]
    found.start()
    assert [type(one.exception()) for one in waiting] == [type(None), OSError]
    found.close()


def test_a_broken_segment_is_sealed_and_followed_by_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, metrics = writer_in(tmp_path, Sealing(3600.0, 1_000_000))
    found.start()
    found.submit(Lines(A, b"0\n")).result()

    def failing(_handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.collect.server.segment_file.os.fsync", failing)
        assert isinstance(found.submit(Lines(A, b"1\n")).exception(), OSError)
        until(lambda: bool(metrics.registry.get_sample_value("rapport_collector_failed_seals_total")))
    until(lambda: is_any_sealed(Home(tmp_path)))
    found.submit(Lines(A, b"2\n")).result()
    found.close()
    assert contents(tmp_path) == [("a", b"0\n"), ("a", b"2\n")]


def test_a_request_that_was_given_up_is_not_written(tmp_path: Path) -> None:
    found, _ = writer_in(tmp_path, Sealing(3600.0, 1_000_000))
    gone, stays = found.submit(Lines(A, b"gone\n")), found.submit(Lines(A, b"stays\n"))
    assert gone.cancel()
    found.start()
    stays.result()
    found.close()
    assert contents(tmp_path) == [("a", b"stays\n")]


def test_a_writer_that_has_ended_takes_nothing(writer: Writer) -> None:
    writer.close()
    late: Future[None] = writer.submit(Lines(A, b"1\n"))
    assert isinstance(late.exception(), OSError)
    assert not writer.is_alive


def test_segments_are_sealed_when_somebody_asks(writer: Writer, tmp_path: Path) -> None:
    home = Home(tmp_path)
    writer.submit(Lines(A, b"1\n")).result()
    assert contents(tmp_path) == []
    assert request_seal(home, 20.0)
    assert contents(tmp_path) == [("a", b"1\n")]
    assert request_seal(home, 20.0)


def test_a_collector_that_does_not_answer_is_not_waited_for_long(tmp_path: Path) -> None:
    folder = CollectorFolder(Home(tmp_path))
    assert not request_seal(Home(tmp_path), 0.1)
    folder.close()
    assert request_seal(Home(tmp_path), 0.0)


def test_the_folder_of_a_living_collector_is_left_alone_and_that_of_a_dead_one_is_taken_up(tmp_path: Path) -> None:
    home = Home(tmp_path)
    folder = CollectorFolder(home)
    path = folder.new_segment(*A)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"whole\ntorn")
    assert sealed_segments(home) == []
    assert not is_any_sealed(home)
    remove_dead(home)
    folder.close()
    assert is_any_sealed(home)
    assert contents(tmp_path) == [("a", b"whole\n")]
    remove_dead(home)
    assert folder.root.exists()
    sealed_segments(home)[0].path.unlink()
    remove_dead(home)
    assert list(home.collected.iterdir()) == []


def test_a_home_without_collectors_has_no_segments(tmp_path: Path) -> None:
    assert sealed_segments(Home(tmp_path)) == []
    assert not is_any_sealed(Home(tmp_path))
    assert request_seal(Home(tmp_path), 0.0)
