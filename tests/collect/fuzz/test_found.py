"""What fuzzing has found, each as the least input that showed it."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.collect.connectors import connectors
from pipelines.collect.forms import form_pairs
from pipelines.collect.mime import read_mail
from pipelines.collect.server.lines import dumped
from pipelines.collect.webhook import RefusedError, Request
from tests.collect.fuzz.asgi import Ask, answers, taking
from tests.collect.fuzz.judge import contents
from tests.collect.fuzz.requests import AT, payload
from tests.collect.fuzz.samples import lines_of, rows_of
from tests.collect.staged import stage

# Lines of which the split that holds them stopped.
STOPPED = [
    ("chat_transcript", "["),
    ("chat_transcript", '[{"a":1}4'),
    ("amazon_ses", '"campaign_id":["k-1"]'),
    ("segment", '{"batch":[{"type":"track","event":"A","messageId":"m","timestamp":"2024-01-01"}],"context":"$"}'),
]


@pytest.mark.parametrize(("name", "line"), STOPPED)
def test_a_broken_line_is_refused_and_its_neighbours_stay(name: str, line: str) -> None:
    form = lines_of(name)
    alone = form.staged_right()
    found = form.staged([line.encode(), *form.right])
    assert len([number for number, _ in found.codes() if number == 1]) == 1
    assert contents(found) == contents(alone)


def test_a_time_beyond_all_calendars_is_refused_in_every_zone() -> None:
    form = rows_of("table")
    assert form is not None
    place = form.header.index("sold_at")
    row = (*form.right[0][:place], "290309-12-22 (BC) 00:00:00", *form.right[0][place + 1 :])
    assert form.staged([row]).codes() == [(1, "wrong_type_occurred_at")]


HASHED = [
    "delighted", "satismeter", "typeform", "sendgrid", "shopify", "zendesk", "ga4", "mailgun", "postmark", "amazon_ses",
]  # fmt: skip


@pytest.mark.parametrize("name", HASHED)
def test_a_record_without_an_id_is_the_same_however_it_is_spaced(name: str) -> None:
    documents = [payload(document) for document in lines_of(name).documents]
    compact, spaced = (
        stage(name, end.join(json.dumps(one, separators=apart) for one in documents))
        for end, apart in (("\n", (",", ":")), ("\r\n", (" , ", " : ")))
    )
    assert [row["event_id"] for row in spaced.interactions] == [row["event_id"] for row in compact.interactions]


@pytest.mark.parametrize("name", ["mailersend", "sparkpost", "mailjet"])
def test_white_space_around_a_record_is_no_part_of_its_properties(name: str) -> None:
    lines = lines_of(name).right
    found = lines_of(name).staged([b" \t" + line + b" " for line in lines])
    assert found.interactions
    assert all(text.startswith("{") and text.endswith("}") for (text,) in found.rows("properties"))


def _asked(url: str = "https://a.example", body: bytes = b"a=1", media_type: str = "") -> Request:
    return Request("POST", url, {"x-twilio-signature": "x", "content-type": media_type}, body, AT)


@pytest.mark.parametrize("url", ["https://a:abc/", "https://a:99999/", "https://[", "http://[v1.a]:x/"])
def test_a_host_that_is_none_is_refused(url: str) -> None:
    webhook = connectors()["twilio_sms"].webhook
    assert webhook is not None
    for step in (lambda asked: webhook.check(asked, {"auth_token": "t"}), webhook.record):
        with pytest.raises(RefusedError, match="host"):
            step(_asked(url))


@pytest.mark.parametrize(("length", "status"), [(b"\xb9", 200), (b"9" * 5_000, 400), (b"x", 200), (b"3", 200)])
def test_a_length_that_is_none_is_no_fault_of_the_collector(length: bytes, status: int, tmp_path: Path) -> None:
    body = b'{"batch":[{"type":"page","userId":"u"}],"writeKey":"key-1"}'
    with taking(tmp_path) as collector:
        ask = Ask("POST", "/v1/batch", [(b"content-length", length)], [body])
        ((answered, _),) = answers(collector, [ask])
    assert answered == status


def test_a_lone_surrogate_in_a_body_is_replaced() -> None:
    webhook = connectors()["twilio_sms"].webhook
    assert webhook is not None
    record = webhook.record(_asked(body=b'{"Body":"\\ud800"}', media_type="application/json"))
    assert json.loads(record) == {"Body": "?"}


def _form(head: str) -> bytes:
    return f"--b1\r\nContent-Disposition: form-data; {head}\r\n\r\nx\r\n--b1--\r\n".encode()


def test_a_mail_in_another_encoding_than_latin_1_is_read() -> None:
    webhook = connectors()["sendgrid"].webhook
    assert webhook is not None
    mail = "Content-Type: text/plain; charset=utf-8\r\n\r\n\u20ac\r\n--b1--"
    body = _form('name="email"\r\nContent-Type: text/plain; charset=utf-8').replace(b"x\r\n--b1--", mail.encode())
    record = json.loads(webhook.record(_asked(body=body, media_type="multipart/form-data; boundary=b1")))
    assert record["rapport_mail"]["text"] == "\u20ac"


HEADS = [
    'name="a"; name*=x; name*0=y',
    'name="a"; filename*=x; filename*0=y',
    "name*=undefined''a",
    "name=\"a\"; filename*=idna''..",
]


@pytest.mark.parametrize("head", HEADS)
def test_parameters_of_a_form_that_cannot_be_read_stop_nothing(head: str) -> None:
    assert len(form_pairs("multipart/form-data; boundary=b1", _form(head))) <= 1


@pytest.mark.parametrize("boundary", ["boundary*=x; boundary*0=y", "boundary*=undefined''b1"])
def test_a_boundary_that_cannot_be_read_makes_no_form(boundary: str) -> None:
    with pytest.raises(ValueError, match=r"boundary|parts|codec"):
        form_pairs(f"multipart/form-data; {boundary}", _form('name="a"'))


def test_an_encoded_word_in_no_encoding_stays_as_it_is() -> None:
    subject = read_mail(b"Subject: =?utf-8\xb8?q?a?=\r\n\r\n")["subject"]
    assert subject.startswith("=?utf-8")


def test_what_is_nested_deeper_than_can_be_written_is_refused() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    with pytest.raises(RefusedError) as refused:
        dumped({"a": deep})
    assert refused.value.status == 400
