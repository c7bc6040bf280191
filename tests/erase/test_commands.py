"""`rapport erase` as it is typed."""

from pathlib import Path

import pytest

from tests.erase.conftest import Erased
from tests.erase.homes import GRACE, persons, values
from tests.flows.cli import rapport
from tests.laws.states import one
from warehouse.home import Home


def test_it_reads_a_file_and_prints_what_went_and_the_certificate(copy: Home, tmp_path: Path) -> None:
    copy.settings_file.write_text(GRACE, encoding="utf-8")
    person = persons(copy)[0]
    listed = tmp_path / "requests.txt"
    listed.write_text(f"{person[0]}\n\n{person[1]}\n", encoding="utf-8")
    answer = rapport("--home", str(copy.root), "erase", "--file", str(listed), "--no-scan")
    assert answer.code == 0
    assert "interactions" in answer.out
    assert one(copy, "SELECT erasure_id FROM erasures") in answer.out
    assert "not searched" in answer.out
    told = answer.out + answer.err
    assert [value for value in values(person) if value in told] == []


def test_what_was_erased_before_is_searched_for_and_a_trace_is_a_failure(erased: Erased, erased_copy: Home) -> None:
    home, value = str(erased_copy.root), values(erased.person)[0]
    clean = rapport("--home", home, "erase", erased.person[0], "--json")
    assert clean.code == 0
    assert clean.object["erased_before"] == 1
    assert clean.object["search"]["traces"] == []
    (erased_copy.inbox / "kept.txt").write_text(value.upper(), encoding="utf-8")
    found = rapport("--home", home, "erase", erased.person[0])
    assert found.code == 1
    assert "landing/inbox/kept.txt" in found.err
    assert value not in (found.out + found.err).lower()


@pytest.mark.parametrize(("arguments", "code"), [((), 2), (("nobody:knows",), 1), (("--file", "missing"), 2)])
def test_a_call_for_nobody_fails(erased_copy: Home, arguments: tuple[str, ...], code: int) -> None:
    assert rapport("--home", str(erased_copy.root), "erase", *arguments).code == code
