from pathlib import Path

import pytest

from tests.flows.cli import rapport, write_events

COUNTS = ("received", "loaded", "duplicate", "rejected", "suppressed")


def counts(found: dict[str, object]) -> tuple[object, ...]:
    return tuple(found[name] for name in COUNTS)


def test_ingest_prints_the_five_counts_and_the_reasons(home: str, tmp_path: Path) -> None:
    events = write_events(tmp_path / "events.jsonl")
    first = rapport("--home", home, "ingest", "segment", str(events), columns=80)
    assert first.code == 0
    assert "         5        4           0          1            0" in first.out
    assert "bad_json         1" in first.out
    assert f"rapport --home {home} run" in " ".join(first.out.split())
    again = rapport("--home", home, "ingest", "segment", str(events), "--json")
    assert counts(again.object) == (5, 0, 4, 1, 0)
    assert again.object["reasons"] == {"bad_json": 1}
    assert again.object["files"] == 1


def test_no_library_talks_to_a_newcomer(home: str, tmp_path: Path) -> None:
    events = write_events(tmp_path / "events.jsonl")
    answer = rapport("--home", home, "ingest", "segment", str(events))
    assert answer.err == "ingest: parsing 1 file\ningest: de-duplicating and rolling up\n"


def test_a_home_that_was_named_is_made_by_ingest(tmp_path: Path) -> None:
    events = write_events(tmp_path / "events.jsonl")
    answer = rapport("--home", str(tmp_path / "home"), "ingest", "segment", str(events), "--json")
    assert counts(answer.object) == (5, 4, 0, 1, 0)


@pytest.mark.parametrize("name", ["it's [bold] here.jsonl", "-dash.jsonl", "ümlaut $x.jsonl"])
def test_a_strange_file_name_is_a_file_name(name: str, home: str, tmp_path: Path) -> None:
    events = write_events(tmp_path / name)
    assert rapport("--home", home, "ingest", "segment", str(events)).code == 0
    (rejected,) = rapport("--home", home, "rejections", "--json").object["rejections"]
    assert rejected["example"] == f"{name}, row 5"
    assert rapport("--home", home, "rejections").code == 0


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["segmnt", "{events}"], "connector 'segmnt' is unknown; did you mean 'segment'?"),
        (["segment", "{folder}/none.jsonl"], "none.jsonl' is not a file"),
        (["segment", "{folder}"], "is not a file"),
        (["segment", "{events}", "--mapping", "{events}"], "takes no mapping"),
        (["table", "{events}"], "source 'table' has no mapping at"),
        (["table", "{events}", "--mapping", "{folder}"], "has no mapping at"),
        (["table", "{events}", "--mapping", "{events}"], "mapping is not valid TOML"),
    ],
)
def test_a_wrong_call_lands_nothing(arguments: list[str], what: str, home: str, tmp_path: Path) -> None:
    events = write_events(tmp_path / "files" / "events.jsonl")
    typed = [word.format(events=events, folder=events.parent) for word in arguments]
    answer = rapport("--home", home, "ingest", *typed)
    assert (answer.code, answer.out) == (2, "")
    assert what in answer.err
    assert not [path for path in (Path(home) / "landing" / "files").rglob("*") if path.is_file()]


def test_files_of_which_nothing_can_be_read_end_with_1(home: str, tmp_path: Path) -> None:
    mapping = tmp_path / "till.toml"
    mapping.write_text(
        '[constants]\nchannel = "pos"\nevent_name = "order_completed"\n[columns]\noccurred_at = "at"\n',
        encoding="utf-8",
    )
    (tmp_path / "till.parquet").write_bytes(b"PAR1 and no more")
    answer = rapport("--home", home, "ingest", "table", str(tmp_path / "till.parquet"), "--mapping", str(mapping))
    assert answer.code == 1
    assert "unreadable_file" in answer.out
    assert "nothing could be read; look at the format of the files" in answer.err


def test_rejections_tell_where_and_why(shop: str, home: str) -> None:
    (found,) = rapport("--home", shop, "rejections", "--json").object["rejections"]
    assert (found["reason_code"], found["records"], found["example"]) == ("bad_json", 1, "events.jsonl, row 5")
    assert "events.jsonl, row 5" in rapport("--home", shop, "rejections").out
    assert rapport("--home", home, "rejections").out == "Nothing was rejected.\n"
    answer = rapport("--home", shop, "rejections", "--source", "segmnet")
    assert "There are rejections of source segment; connector segment; reason " in " ".join(answer.out.split())
