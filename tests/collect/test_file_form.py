"""In what form files have their records."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from pipelines.collect.connectors import connectors
from pipelines.collect.file_form import FileForm, file_form
from tests.collect.landed import blanked
from tests.collect.snowplow_events import Event, as_csv, as_parquet, enriched, payload, staged, tracked, tsv
from tests.collect.staged import Staged

LINES = FileForm("lines")


def form(folder: Path, content: bytes, connector: str = "snowplow", name: str = "input") -> FileForm:
    path = folder / name
    path.write_bytes(content)
    return file_form(connectors()[connector], None, path)


HEADERS: list[tuple[bytes, FileForm]] = [
    (b"app_id,event_id\n", FileForm("rows", ",")),
    (b'"app_id","event_id"\r\n', FileForm("rows", ",")),
    (b"app_id\tevent_id\n", FileForm("rows", "\t")),
    (b"\xef\xbb\xbfroot_id,root_tstamp\n", FileForm("rows", ",")),
    (b"root_id", FileForm("rows", "\t")),
    (b"", LINES),
    (b"\n\n", LINES),
    (b"app\tevent_ids\n", LINES),
    (b'{"event_id":"x","root_id":"y"}\n', LINES),
    (b"\xff\xfe\n", LINES),
    (b"rapport:erased\n", FileForm("erased")),
    (b"PAR1", FileForm("parquet")),
]


@pytest.mark.parametrize(("content", "expected"), HEADERS, ids=[str(n) for n in range(len(HEADERS))])
def test_the_first_bytes_tell_lines_from_rows(tmp_path: Path, content: bytes, expected: FileForm) -> None:
    assert form(tmp_path, content) == expected
    if expected.kind == "rows":
        assert form(tmp_path, gzip.compress(content)) == expected


def test_a_broken_file_that_is_called_parquet_is_one_unreadable_record(tmp_path: Path) -> None:
    assert form(tmp_path, b"no parquet", name="input.parquet") == FileForm("parquet")
    assert staged(b"no parquet", "input.parquet").codes() == [(0, "unreadable_file")]


def test_other_connectors_do_not_look(tmp_path: Path) -> None:
    assert form(tmp_path, b"app_id,event_id\n", "segment") == LINES


EVENTS = [enriched(user_id=f"person-number-{n}", contexts='{"data":[]}') for n in range(4)]
FORMS: dict[str, tuple[bytes, str]] = {
    "lines": (tsv(*EVENTS).encode(), "input"),
    "packed lines": (gzip.compress(tsv(*EVENTS).encode()), "input.gz"),
    "rows": (as_csv(*EVENTS).encode(), "input.csv"),
    "parquet": (as_parquet(*EVENTS), "input.parquet"),
}


def people(found: Staged) -> list[tuple[int, Any]]:
    return [(row["row_number"], row["anchor"]) for row in found.interactions]


@pytest.mark.parametrize("name", FORMS)
def test_blanks_leave_all_other_records_in_their_places(name: str) -> None:
    content, file_name = FORMS[name]
    written, report = blanked(content, [(2, 0)], [b"person-number-3"], connector="snowplow", name=file_name)
    after = staged(written, file_name)
    assert people(after) == [(1, "user_id:person-number-0"), (3, "user_id:person-number-2")]
    assert (report.blanked, report.by_needle) == (2, ((4, 0),))
    assert (after.suppressed, after.codes()) == ({"f0": 2}, [])


def test_an_event_of_a_payload_goes_alone_and_the_line_of_another_form_stays() -> None:
    empty: Event = enriched(app_id="", contexts='{"data":[{"batch":1}]}')
    content = payload(tracked(uid="person-number-1"), tracked(uid="person-number-2")) + tsv(empty)
    written, report = blanked(content.encode(), [(1, 1)], [b"visitor-9"], connector="snowplow")
    after = staged(written)
    assert people(after) == [(1, "user_id:person-number-1"), (2, "anonymous_id:visitor-1")]
    assert b"person-number-2" not in written
    assert (report.blanked, after.suppressed) == (1, {"f0": 1})
    assert written.splitlines()[1] == content.encode().splitlines()[1]


def test_a_file_that_was_blanked_as_a_whole_stays_one_blank() -> None:
    written, _ = blanked(b"no parquet", [(0, 0)], connector="snowplow", name="input.parquet")
    assert written == b"rapport:erased\n"
    assert staged(written, "input.parquet").suppressed == {"f0": 1}
    assert blanked(written, [(0, 0)], connector="snowplow", name="input.parquet")[0] == written
