"""The `table` connector on JSON: lines, arrays and envelopes, by dotted paths; what a mapping adds beyond columns."""

import copy
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.landing import land_paths
from pipelines.collect.json_path import JsonPath, rest_sql
from pipelines.collect.mapping import parse_mapping
from pipelines.collect.mapping_plan import json_mapping_plan
from tests.collect.landed import blank_records
from tests.collect.staged import Staged, stage
from tests.collect.test_mapping import AT, SMALLEST
from tests.lakes import memory_lake
from warehouse.errors import UsageError
from warehouse.home import Home

NESTED = """
[constants]
channel = "pos"
event_name = "visited"
[columns]
event_id = "visit.id"
occurred_at = "visit.at"
product_id = "products[0].sku"
text = "notes[*].text"
[identifiers]
user_id = 'customer."user.id"'
"""


def lines(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def staged(content: bytes | str, mapping: str = NESTED, name: str = "input.jsonl") -> Staged:
    return stage("table", content, mapping=mapping, names=[name])


VISIT: dict[str, Any] = {
    "visit": {"id": 7, "at": AT, "desk": {"no": 1}},
    "products": [{"sku": "A"}, {"sku": "B"}],
    "notes": [{"text": "first"}, {"by": "ann"}, {"text": "second"}],
    "customer": {"user.id": "u1", "age": None},
    "shop": "north",
}


def test_fields_are_found_by_their_paths_and_the_rest_stays() -> None:
    row = staged(lines(VISIT)).accepted()
    assert (row["event_id"], row["product_id"], row["text"], row["anchor"]) == ("7", "A", "first\nsecond", "user_id:u1")
    assert json.loads(row["properties"]) == {
        "visit": {"desk": {"no": 1}}, "products": VISIT["products"], "notes": VISIT["notes"], "customer": {"age": None},
        "shop": "north",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.ndjson", "a.ndjson.gz"])
def test_the_name_of_the_file_tells_json(name: str) -> None:
    text = lines(VISIT).encode()
    assert staged(gzip.compress(text) if name.endswith("gz") else text, name=name).accepted()["event_id"] == "7"


def test_the_format_of_the_mapping_wins() -> None:
    assert staged(lines(VISIT), 'format = "json"\n' + NESTED, "input.csv").accepted()["event_id"] == "7"
    text = staged(f"id,at\n1,{AT}\n", 'format = "csv"\n' + SMALLEST, "input.json")
    assert text.accepted()["event_id"] == "1"


def test_arrays_and_documents_of_several_lines_divide_into_records() -> None:
    other = {**VISIT, "visit": {"id": 8, "at": AT}}
    for content in (json.dumps([VISIT, other]), json.dumps([VISIT, other], indent=2), lines(VISIT, other)):
        assert staged(content, name="input.json").rows("event_id") == [("7",), ("8",)]


def test_an_envelope_holds_its_records_in_a_field() -> None:
    mapping = '[json]\nrecords = "data"\n' + NESTED
    other = {**VISIT, "visit": {"id": 8, "at": AT}}
    found = staged(lines({"data": [VISIT, other], "page": 1}, {**VISIT, "visit": {"id": 9, "at": AT}}), mapping)
    assert found.rows("element", "event_id") == [(0, "7"), (1, "8"), (0, "9")]
    assert [json.loads(row["properties"]).get("envelope") for row in found.interactions] == [{"page": 1}] * 2 + [None]


def test_objects_that_do_not_fit_are_refused_one_by_one() -> None:
    found = staged(
        lines(
            {**VISIT, "visit": {"at": AT}}, {**VISIT, "visit": "7"}, {**VISIT, "visit": {"id": {"n": 7}, "at": AT}}, 5
        )
        + '{"visit":\n'
        + lines({**VISIT, "visit": {"id": "8", "at": "soon"}}, VISIT)
    )
    assert [code for _, code in found.codes()] == [
        "missing_event_id", "missing_event_id", "wrong_type_text", "not_an_object", "bad_json",
        "wrong_type_occurred_at",
    ]  # fmt: skip
    assert found.rows("row_number") == [(7,)]


def test_a_text_where_an_object_is_expected_is_not_lost() -> None:
    row = staged(lines({**VISIT, "customer": "ann"})).accepted()
    assert json.loads(row["properties"])["customer"] == "ann"
    assert row["identifiers"] == []


def test_objects_without_an_id_are_counted_within_their_file() -> None:
    mapping = NESTED.replace('event_id = "visit.id"\n', "")
    found = staged(lines(VISIT, VISIT, {**VISIT, "shop": "south"}), mapping)
    ids = [row["event_id"] for row in found.interactions]
    assert [id.rpartition("-")[2] for id in ids] == ["1", "2", "1"]
    array = staged(json.dumps([VISIT, {**VISIT, "shop": "south"}, VISIT]), mapping, "input.json")
    assert sorted(row["event_id"] for row in array.interactions) == sorted(ids)


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a[b]", 'a."b', "a[0", "[0]", 'a"b"'])
def test_what_is_no_path_is_a_usage_error(path: str) -> None:
    mapping = parse_mapping(SMALLEST.replace('"id"', json.dumps(path)))
    with pytest.raises(UsageError, match="is no path; write names with dots between them"):
        json_mapping_plan(mapping)


def test_fields_that_differ_in_case_alone_are_a_usage_error() -> None:
    mapping = parse_mapping(SMALLEST + 'amount = "ID"\n')
    with pytest.raises(UsageError, match="'ID' and 'id', which differ in case alone; map one"):
        json_mapping_plan(mapping)


def test_a_mapping_that_does_not_fit_json_is_refused_before_the_file_is_landed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    (tmp_path / "a.json").write_text("{}", encoding="utf-8")
    (tmp_path / "m.toml").write_text(SMALLEST.replace('"id"', '"a..b"'), encoding="utf-8")
    with pytest.raises(UsageError, match=r"'a.json' cannot be read with its mapping: 'a\.\.b' is no path"):
        land_paths(home, "table", [tmp_path / "a.json"], "till", tmp_path / "m.toml")


def test_a_record_of_an_array_becomes_a_blank_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    (tmp_path / "a.json").write_text(json.dumps([VISIT, {**VISIT, "visit": {"id": 8, "at": AT}}]), encoding="utf-8")
    (tmp_path / "m.toml").write_text(NESTED, encoding="utf-8")
    (file,) = land_paths(home, "table", [tmp_path / "a.json"], "till", tmp_path / "m.toml")
    blanked = blank_records(home, file, [(1, 0)])
    assert blanked.blanked == 1
    again = staged((home.root / file.path).read_bytes(), name="input.json")
    assert (again.counts, again.suppressed) == ({"f0": (2, 1)}, {"f0": 1})
    assert again.rows("element", "event_id") == [(1, "8")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "c.d"]), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(st.sampled_from(["a", "b", "a.a", "a.b", "a.b.a", 'b."c.d"', 'a."c.d".b']), min_size=1, max_size=3)


def without(record: Any, names: tuple[str, ...]) -> None:
    """Take what stands at `names` out of a record."""
    if isinstance(record, dict) and names[0] in record:
        if len(names) == 1:
            del record[names[0]]
        else:
            without(record[names[0]], names[1:])


@given(record=st.dictionaries(st.sampled_from(["a", "b", "c.d"]), JSON, max_size=3), paths=PATHS)
@settings(max_examples=150, deadline=None)
def test_exactly_what_stands_at_the_paths_is_taken_out(record: dict[str, Any], paths: list[str]) -> None:
    parsed = [JsonPath.of(path) for path in paths]
    found = CON.execute(f"SELECT {rest_sql(parsed)} FROM (SELECT ?::JSON AS record, 1 AS r)", [json.dumps(record)])
    expected = copy.deepcopy(record)
    for path in sorted(parsed, key=lambda path: len(path.names)):
        without(expected, path.names)
    assert json.loads(found.fetchall()[0][0]) == expected


CON = memory_lake()


PRODUCTS = SMALLEST + '[products]\namount = ["pieces", "price"]\nmargin = ["pieces", "price", "rate"]\n'


def test_numbers_of_several_columns_are_multiplied_exactly_or_refused() -> None:
    rows = ["3,0.1,0.5", "-2,1e-2,1", "2,,1", "x,1,1", "999999999999,999999999999,1", "1,2,", "90000,100000.5,0.001"]
    content = "id,at,pieces,price,rate\n" + "".join(f"{n},{AT},{row}\n" for n, row in enumerate(rows, start=1))
    found = stage("table", content, mapping=PRODUCTS)
    assert found.rows("row_number", "amount", "margin") == [
        (1, Decimal("0.3"), Decimal("0.15")),
        (2, Decimal("-0.02"), Decimal("-0.02")),
        (3, None, None),
        (6, Decimal(2), None),
        (7, Decimal(9_000_045_000), Decimal("9000045")),
    ]
    assert found.codes() == [(4, "wrong_type_amount"), (5, "wrong_type_amount")]
    assert json.loads(found.accepted(1)["properties"]) == {"pieces": "3", "price": "0.1", "rate": "0.5"}


PATTERNS = SMALLEST.replace('event_name = "visited"', "") + (
    'event_name = "no"\norder_id = "no"\n[values.event_name]\n"-" = "noted"\n'
    '[patterns.event_name]\n"^C" = "order_refunded"\n"^[0-9]+$" = "order_completed"\n'
)


def test_patterns_translate_and_the_first_that_fits_wins() -> None:
    content = "id,at,no\n" + "".join(f"{n},{AT},{no}\n" for n, no in enumerate(("C12", "12", "-", "seen", "12C", "")))
    found = stage("table", content, mapping=PATTERNS)
    names = [row["event_name"] for row in found.interactions]
    assert names == ["order_refunded", "order_completed", "noted", "seen"]
    assert [code for _, code in found.codes()] == ["event_name_not_snake_case", "missing_event_name"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SMALLEST + '[patterns.amount]\n"a" = "b"', r"\[patterns.amount\] translates nothing; map amount under"),
        (SMALLEST + '[patterns.event_id]\n"(" = "b"', r"\[patterns.event_id\] '\(' is no regular expression"),
        (
            SMALLEST + '[products]\nscore = ["a", "b"]',
            r"\[products\] names 'score'; known are amount, margin, quantity",
        ),
        (SMALLEST + 'amount = "a"\n[products]\namount = ["a"]', r"gives amount twice; leave it out of \[products\]"),
        (SMALLEST + "[products]\namount = 1", r"\[products\] amount must be the name of a column, or a list"),
        (SMALLEST + '[traits]\nx = "a"', r"\[traits\], which only events named identify state; set event_name"),
        (SMALLEST + "consents = 1", r"\[columns\] consents must be the name"),
        ("consents = 1" + SMALLEST, r"consents must be a list of tables: \[\[consents\]\] before each"),
        (
            SMALLEST + "[[consents]]\nstatus = 'a'",
            r"\[\[consents\]\] has an unknown entry 'status'; known are constants",
        ),
        (SMALLEST + "[[consents]]\ncolumns = { states = 'a' }", r"\[\[consents\]\] names 'states'; known are purpose"),
        (SMALLEST + "[[consents]]\ncolumns = { purpose = 'a' }", r"\[\[consents\]\] gives no status; set it under"),
        (
            SMALLEST + "[[consents]]\nconstants = { status = 'yes' }",
            r"has an unknown status; use one of denied, withdrawn",
        ),
        (SMALLEST + "[[consents]]\ncolumns = { status = 'a' }\nvalues = { y = 'yes' }", r"has an unknown status"),
        (
            SMALLEST + "[[consents]]\nconstants = { status = 'denied', stated_at = '2025' }",
            r"has a constant stated_at; map it under columns, or leave it out",
        ),
        ("[json]\nlines = true" + SMALLEST, r"\[json\] has an unknown entry 'lines'; known is records"),
        ("[json]\nrecords = 1" + SMALLEST, r"\[json\] records must be the name of the field"),
        ("[json]\nrecords = 'a.b'" + SMALLEST, r"\[json\] records must be the name of the field"),
    ],
)
def test_what_a_mapping_adds_must_make_sense(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_mapping(text)


def test_traits_keep_the_types_that_json_gives_them() -> None:
    mapping = NESTED.replace("visited", "identify") + '[traits]\nage = "age"\ntags = "tags[*].name"\nlangs = "langs"\n'
    record = {**VISIT, "age": 41, "tags": [{"name": "a"}, {"name": "b"}], "langs": ["de", "en"]}
    said = json.loads(staged(lines(record), mapping).accepted()["properties"])["traits"]
    assert said == {"age": 41, "tags": ["a", "b"], "langs": ["de", "en"]}
    assert "traits" not in json.loads(staged(lines({**VISIT, "langs": None}), mapping).accepted()["properties"])


def test_a_consent_on_which_a_row_says_nothing_is_none() -> None:
    mapping = SMALLEST + '[[consents]]\ncolumns = { status = "news" }\n'
    found = stage("table", f"id,at,news\n1,{AT},granted\n2,{AT},\n", mapping=mapping)
    assert found.rows("consents") == [('[{"status":"granted"}]',), (None,)]


def test_a_consent_may_be_the_same_on_every_row() -> None:
    mapping = SMALLEST + '[[consents]]\nconstants = { purpose = "surveys", status = "denied" }\n'
    found = stage("table", f"id,at\n1,{AT}\n", mapping=mapping)
    assert found.rows("consents") == [('[{"purpose":"surveys","status":"denied"}]',)]
