import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.collect.webhook import RefusedError, Request, form_fields, json_record, none

AT = datetime(2024, 3, 1, 10, tzinfo=UTC)
VALUES = st.recursive(
    st.text() | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MULTIPART = "multipart/form-data; boundary=xyz"


def request(body: bytes, content_type: str = "") -> Request:
    return Request("POST", "https://collect.example.com/", {"content-type": content_type}, body, AT)


def parts(*texts: bytes) -> bytes:
    return b"".join(b"--xyz\r\n" + text + b"\r\n" for text in texts) + b"--xyz--\r\n"


@settings(max_examples=40, deadline=None)
@given(st.lists(VALUES, max_size=3) | st.dictionaries(st.text(), VALUES, max_size=3))
def test_any_json_becomes_one_line_that_says_the_same(value: object) -> None:
    text = "\r\n" + json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    try:
        body = text.encode()
    except UnicodeEncodeError:
        return
    record = json_record(request(body))
    assert b"\n" not in record
    assert json.loads(record) == value


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(["", "application/json", MULTIPART, "multipart/form-data"]))
def test_any_bytes_are_a_record_or_refused(body: bytes, content_type: str) -> None:
    with suppress(RefusedError):
        found = json_record(request(body, content_type))
        assert b"\n" not in found
        assert isinstance(json.loads(found), dict | list)
    with suppress(RefusedError):
        json.dumps(form_fields(request(body, content_type)), ensure_ascii=False).encode()


def test_fields_of_a_form_in_parts_are_texts_and_of_a_file_the_name_is_kept() -> None:
    disposition = b'Content-Disposition: form-data; name="%s"'
    body = parts(
        disposition % b"subject" + "\r\n\r\nGrüße\r\nzwei".encode(),
        disposition % b"latin" + b"\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe",
        disposition % b"unknown" + b"\r\nContent-Type: text/plain; charset=none\r\n\r\n\xfc",
        disposition % b"file" + b'; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89\x00',
        b"X-Other: no\r\n\r\nnameless",
    )
    assert form_fields(request(body, MULTIPART)) == {
        "subject": "Grüße\r\nzwei",
        "latin": "Grüße",
        "unknown": "ü",
        "file": "a.png",
    }


def test_a_field_that_comes_again_is_a_list() -> None:
    assert form_fields(request(b"a=1&b=&a=2&a=3")) == {"a": ["1", "2", "3"], "b": ""}


@pytest.mark.parametrize("body", [b"", b"&", b"\xff=1", b"a=%ff"])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedError):
        form_fields(request(body))


def test_a_provider_without_a_handshake_gives_no_answer() -> None:
    assert none(request(b""), {}) is None
