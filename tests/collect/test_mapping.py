import pytest

from pipelines.collect.mapping import parse_mapping
from pipelines.collect.mapping_plan import mapping_plan
from tests.collect.staged import stage
from warehouse.errors import UsageError

AT = "2020-07-01T10:00:00Z"
SMALLEST = """
[constants]
channel = "pos"
event_name = "visited"
[columns]
event_id = "id"
occurred_at = "at"
"""


def test_the_smallest_mapping_has_defaults() -> None:
    mapping = parse_mapping(SMALLEST)
    assert mapping.constants["direction"] == "inbound"
    assert mapping.constants["initiator"] == "customer"
    assert (mapping.timezone, mapping.format, mapping.delimiter) == ("UTC", "", ",")
    assert mapping.used == {"id", "at"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = \n", r"not valid TOML: .*line 1.*; mend that line"),
        ("colums = {}" + SMALLEST, r"unknown entry 'colums'; known are format, timezone, csv, json, constants"),
        ("columns = 1", r"'columns' must be a table: \[columns\]"),
        ("values = []" + SMALLEST, r"'values' must be a table: \[values\]"),
        (SMALLEST.replace('"id"', "7"), r"\[columns\] event_id must be the name of a column, or a list of names"),
        (SMALLEST.replace('"id"', "[]"), r"\[columns\] event_id must be the name"),
        (SMALLEST.replace('"id"', '["a", 1]'), r"\[columns\] event_id must be the name"),
        (SMALLEST.replace('"pos"', "5"), r"\[constants\] must map names to texts in quotes"),
        (SMALLEST + "[identifiers]\nuser_id = 1", r"\[identifiers\] must map names to texts in quotes"),
        (SMALLEST + "[values]\nevent_id = 1", r"\[values.event_id\] must map names to texts in quotes"),
        (SMALLEST + "[values.amount]\na = 'b'", r"\[values.amount\] translates nothing; map amount under \[columns\]"),
        (SMALLEST + 'amout = "x"', r"\[columns\] names 'amout', which interactions do not have; known are .*amount"),
        (SMALLEST + 'batch_id = "x"', r"\[columns\] names 'batch_id', which interactions do not have"),
        (SMALLEST.replace("channel", "chanel"), r"\[constants\] names 'chanel'"),
        (SMALLEST.replace('channel = "pos"', ""), r"gives no channel; set it under \[constants\] or \[columns\]"),
        (SMALLEST.replace('event_name = "visited"', ""), r"gives no event_name; set it under"),
        (SMALLEST.replace('occurred_at = "at"', ""), r"gives no time; map occurred_at under \[columns\]"),
        ('format = "xls"' + SMALLEST, r"format 'xls' is unknown; use csv, parquet or json"),
        ('timezone = "Mars/Olympus"' + SMALLEST, r"timezone 'Mars/Olympus' is unknown; use a name such as Europe/"),
        ('timezone = "../etc"' + SMALLEST, r"timezone '../etc' is unknown"),
        ('[csv]\nencoding = "latin-1"' + SMALLEST, r"\[csv\] has an unknown entry 'encoding'.*UTF-8"),
        ("csv = 1" + SMALLEST, r"'csv' must be a table"),
        *(
            (f"[csv]\ndelimiter = {delimiter}" + SMALLEST, r"\[csv\] delimiter must be one ASCII character")
            for delimiter in ("''", "'ab'", "'é'", "'\"'", r'"\n"')
        ),
    ],
)
def test_a_mapping_that_cannot_serve_is_a_usage_error_that_names_place_and_mend(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_mapping(text)


@pytest.mark.parametrize("time", ["original_at", "sent_at", "received_at"])
def test_any_of_the_times_will_do(time: str) -> None:
    assert time in parse_mapping(SMALLEST.replace("occurred_at", time)).columns


def test_a_mapped_column_that_the_file_does_not_have_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"names column 'at', which the file does not have; it has id, time"):
        mapping_plan(parse_mapping(SMALLEST), ["id", "time"])


def test_a_mapping_that_does_not_fit_stops_the_split() -> None:
    with pytest.raises(UsageError, match="names column 'at'"):
        stage("table", "id\n1\n", mapping=SMALLEST)


def test_a_table_without_a_mapping_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="gives no channel"):
        stage("table", "id\n1\n")


def test_columns_that_are_not_mapped_go_to_properties_unchanged() -> None:
    content = f'id,at,note,größe,"odd ""name"""\n1,{AT},"a ""b""",,ü\n'
    row = stage("table", content, mapping=SMALLEST).accepted()
    assert row["properties"] == r'{"note":"a \"b\"","größe":null,"odd \"name\"":"ü"}'


def test_there_are_no_properties_where_every_column_is_mapped() -> None:
    assert stage("table", f"id,at\n1,{AT}\n", mapping=SMALLEST).accepted()["properties"] is None


def test_names_of_the_query_may_head_columns_of_the_file() -> None:
    names = "element,identifiers,every_identifier,wire_code,input,r,source,reason_code,content"
    staged = stage("table", f"id,at,{names}\n1,{AT}{',x' * 9}\n", mapping=SMALLEST)
    assert staged.accepted()["properties"] == "{" + ",".join(f'"{name}":"x"' for name in names.split(",")) + "}"


def test_several_columns_are_joined_and_an_empty_one_leaves_nothing() -> None:
    mapping = SMALLEST.replace('"id"', '["basket", "line"]')
    staged = stage("table", f"basket,line,at\n7,1,{AT}\n7,2,{AT}\n7,,{AT}\n", mapping=mapping)
    assert [row["event_id"] for row in staged.interactions] == ["7-1", "7-2"]
    assert staged.codes() == [(3, "missing_event_id")]


def test_values_are_translated_and_others_stay() -> None:
    mapping = SMALLEST.replace('event_name = "visited"', "") + (
        'event_name = "what"\n[values.event_name]\nopen = "email_opened"\n"it\'s" = "email_clicked"\n'
    )
    content = f"id,at,what\n1,{AT},open\n2,{AT},it's\n3,{AT},visited\n4,{AT},\n5,{AT},Not Snake\n"
    staged = stage("table", content, mapping=mapping)
    assert staged.rows("event_name") == [("email_opened",), ("email_clicked",), ("visited",)]
    assert staged.codes() == [(4, "missing_event_name"), (5, "event_name_not_snake_case")]


def test_a_column_wins_over_a_default_and_a_closed_set_is_kept() -> None:
    mapping = SMALLEST + 'direction = "way"\n[values.direction]\nout = "outbound"\n'
    staged = stage("table", f"id,at,way\n1,{AT},out\n2,{AT},inbound\n3,{AT},sideways\n", mapping=mapping)
    assert staged.rows("direction") == [("outbound",), ("inbound",)]
    assert staged.codes() == [(3, "unknown_direction")]


def test_identifiers_of_any_kind_are_normalised_and_blocked_values_left_out() -> None:
    mapping = SMALLEST + '[identifiers]\nemail = "mail"\nloyalty_id = "card"\n'
    content = f"id,at,mail,card\n1,{AT}, A@Example.com ,77\n2,{AT},,null\n"
    staged = stage("table", content, mapping=mapping)
    assert staged.accepted(1)["identifiers"] == [
        {"kind": "email", "value": "a@example.com"},
        {"kind": "loyalty_id", "value": "77"},
    ]
    assert staged.accepted(1)["anchor"] == "loyalty_id:77"
    assert staged.accepted(2)["identifiers"] == []
    assert staged.accepted(2)["anchor"] is None


def test_a_flag_that_is_no_flag_is_refused() -> None:
    mapping = SMALLEST + 'is_machine = "bot"\n[values.is_machine]\nrobot = "true"\n'
    content = f"id,at,bot\n1,{AT},true\n2,{AT},robot\n3,{AT},\n4,{AT},0\n5,{AT},perhaps\n"
    staged = stage("table", content, mapping=mapping)
    assert staged.rows("is_machine") == [(True,), (True,), (False,), (False,)]
    assert staged.codes() == [(5, "wrong_type_is_machine")]


def test_a_flag_may_be_constant() -> None:
    mapping = SMALLEST.replace("[columns]", 'is_machine = "true"\n[columns]')
    assert stage("table", f"id,at\n1,{AT}\n", mapping=mapping).accepted()["is_machine"] is True


LOCAL_TIMES = {
    "2020-07-01 10:00": "2020-07-01T08:00:00",
    "2020-01-01 10:00:00": "2020-01-01T09:00:00",
    "2020-07-01": "2020-06-30T22:00:00",
    "2020-07-01T10:00:00Z": "2020-07-01T10:00:00",
    "2020-07-01T10:00:00.5+05:30": "2020-07-01T04:30:00.500000",
    "2020-07-01T10:00:00+05": "2020-07-01T05:00:00",
    "2020-07-01 10:00-0330": None,
    "2020-03-29 02:30:00": "2020-03-29T01:30:00",
    "01.07.2020": None,
    "soon": None,
}


def test_times_without_a_zone_are_local_times_of_the_mapping() -> None:
    content = "id,at\n" + "".join(f"{number},{text}\n" for number, text in enumerate(LOCAL_TIMES))
    staged = stage("table", content, mapping='timezone = "Europe/Vienna"\n' + SMALLEST)
    found = {row["row_number"]: row["occurred_at"].replace(tzinfo=None).isoformat() for row in staged.interactions}
    assert found == {n: at for n, at in enumerate(LOCAL_TIMES.values(), start=1) if at}
    assert {code for _, code in staged.codes()} == {"wrong_type_occurred_at"}


def test_a_constant_time_has_the_zone_of_the_mapping() -> None:
    mapping = SMALLEST.replace('occurred_at = "at"', "").replace(
        "[columns]", 'occurred_at = "2020-07-01 12:00"\n[columns]'
    )
    row = stage("table", "id\n1\n", mapping='timezone = "Asia/Tokyo"\n' + mapping).accepted()
    assert row["occurred_at"].isoformat() == "2020-07-01T03:00:00+00:00"
