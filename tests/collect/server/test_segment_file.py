import errno
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.collect.server.segment_file import SegmentFile, recover, whole_bytes

LINES = st.lists(st.binary(max_size=20).map(lambda text: text.replace(b"\n", b"") + b"\n"), max_size=8)


@settings(max_examples=60, deadline=None)
@given(lines=LINES, cut=st.integers(0, 200))
def test_any_cut_of_a_segment_gives_exactly_the_whole_lines_before_it(lines: list[bytes], cut: int) -> None:
    data = b"".join(lines)[:cut]
    whole = data[: data.rfind(b"\n") + 1]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.open"
        path.write_bytes(data)
        assert whole_bytes(path) == len(whole)
        recover(path)
        assert {found.name: found.read_bytes() for found in Path(folder).iterdir()} == (
            {"a.jsonl": whole} if whole else {}
        )


def test_whole_lines_are_found_before_a_long_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "a.open"
    path.write_bytes(b"one\n" + b"x" * 200_000)
    assert whole_bytes(path) == 4


def test_a_sealed_segment_has_all_groups_in_order(tmp_path: Path) -> None:
    segment = SegmentFile(tmp_path / "folder" / "a.open")
    segment.append([b"1\n", b"2\n"])
    segment.append([b"3\n"])
    segment.seal()
    assert (tmp_path / "folder" / "a.jsonl").read_bytes() == b"1\n2\n3\n"


def test_a_segment_without_lines_leaves_nothing(tmp_path: Path) -> None:
    SegmentFile(tmp_path / "a.open").seal()
    assert list(tmp_path.iterdir()) == []


def test_a_group_that_the_disk_takes_half_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = SegmentFile(tmp_path / "a.open")
    segment.append([b"first\n"])
    write = os.write

    def full(handle: int, data: bytes) -> int:
        if len(data) <= 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data[:3])

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.collect.server.segment_file.os.write", full)
        with pytest.raises(OSError, match="No space"):
            segment.append([b"second\n"])
    assert not segment.is_broken
    assert (tmp_path / "a.open").read_bytes() == b"first\n"
    segment.append([b"third\n"])
    segment.seal()
    assert (tmp_path / "a.jsonl").read_bytes() == b"first\nthird\n"


def test_a_segment_whose_fsync_failed_takes_no_more_and_keeps_what_was_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = SegmentFile(tmp_path / "a.open")
    segment.append([b"first\n"])

    def failing(_handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.collect.server.segment_file.os.fsync", failing)
        with pytest.raises(OSError, match="Input"):
            segment.append([b"second\n"])
        with pytest.raises(OSError, match="Input"):
            segment.seal()
    assert segment.is_broken
    with pytest.raises(OSError, match="sealed"):
        segment.append([b"third\n"])
    segment.seal()
    assert (tmp_path / "a.jsonl").read_bytes() == b"first\n"


def test_a_segment_that_cannot_be_cut_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = SegmentFile(tmp_path / "a.open")

    def failing(*_arguments: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.collect.server.segment_file.os.write", failing)
        patched.setattr("pipelines.collect.server.segment_file.os.ftruncate", failing)
        with pytest.raises(OSError, match="Input"):
            segment.append([b"line\n"])
    assert segment.is_broken
    segment.seal()
    assert list(tmp_path.iterdir()) == []
