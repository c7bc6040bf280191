import json
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.collect.mime import MAIL, read_mail, with_mail


def mail(text: str = "Hello", **headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def test_a_message_gives_its_headers_and_bodies() -> None:
    message = mail("Grüße", From="Café <cafe@example.org>", In_Reply_To="<a@b>", Message_ID="<c@d>")
    message.add_alternative("<p>Grüße</p>", subtype="html")
    said = read_mail(message.as_bytes())
    assert (said["from"], said["in_reply_to"], said["message_id"]) == ("Café <cafe@example.org>", "<a@b>", "<c@d>")
    assert (said["text"], said["html"]) == ("Grüße\n", "<p>Grüße</p>\n")
    assert {"name": "From", "value": "Café <cafe@example.org>"} in said["headers"]
    assert "attachments" not in said


def test_of_files_only_name_type_and_size_are_kept() -> None:
    message = mail("See the files")
    message.add_attachment(b"%PDF-secret", maintype="application", subtype="pdf", filename="ördér.pdf")
    message.add_attachment(mail("not the text of this message", Subject="inner"))
    said = read_mail(message.as_bytes())
    assert said["text"] == "See the files\n"
    assert [file["content_type"] for file in said["attachments"]] == ["application/pdf", "message/rfc822"]
    assert (said["attachments"][0]["name"], said["attachments"][0]["size"]) == ("ördér.pdf", 11)
    assert said["attachments"][1]["size"] > 20
    assert "secret" not in json.dumps(said)


def test_a_text_that_is_attached_is_not_what_was_written() -> None:
    message = mail("Hello")
    message.add_attachment("a list", filename="list.txt")
    assert read_mail(message.as_bytes())["text"] == "Hello\n"


def test_folded_headers_and_encoded_words_are_read() -> None:
    said = read_mail(b"Subject: one\r\n two =?utf-8?q?=C3=BC?=\r\nX: =?bogus?q?x?=\r\nsubject: three\r\n\r\nbody")
    assert said["subject"] == "one two ü"
    assert [header["name"] for header in said["headers"]] == ["Subject", "X", "subject"]


def test_an_unknown_encoding_is_read_as_utf_8() -> None:
    assert read_mail("Content-Type: text/plain; charset=klingon\r\n\r\nü".encode())["text"] == "ü"


def test_parts_without_end_are_left_out() -> None:
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(3_000))
    assert read_mail(deep) == {"headers": [{"name": "Content-Type", "value": 'multipart/mixed; boundary="b0"'}]}


@settings(max_examples=150, deadline=None)
@given(
    raw=st.one_of(
        st.binary(max_size=200),
        st.text(st.sampled_from("Content-Type: multipart/mixed;b=\"'\r\n-?=\udcff"), max_size=200).map(
            lambda t: t.encode("utf-8", "surrogateescape")
        ),
    )
)
def test_any_bytes_are_read_as_some_message_in_utf_8(raw: bytes) -> None:
    line = with_mail({"raw": "x", "to": "a@example.com"}, "raw", raw)
    found = json.loads(line.decode())
    assert b"\n" not in line
    assert set(found) == {"to", MAIL}


HOSTILE = [
    ("boundary*=undefined''b1", ""),
    ("boundary*=x; boundary*0=b1", ""),
    ('boundary="b1"', "Content-Type: text/plain; charset=undefined"),
    ('boundary="b1"', "Content-Type: text/plain; charset=idna"),
    ('boundary="b1"', 'Content-Type: text/plain; charset="a\0b"'),
    ('boundary="b1"', "Content-Type: text/plain; charset*=\"a\0b''utf-8\""),
    ('boundary="b1"', "Content-Disposition: attachment; filename*=undefined''x"),
    ('boundary="b1"', "Content-Disposition: attachment; filename*=x; filename*0=y"),
]


@pytest.mark.parametrize(("boundary", "head"), HOSTILE)
def test_parameters_that_cannot_be_read_lose_no_mail(boundary: str, head: str) -> None:
    raw = f"Subject: s\r\nContent-Type: multipart/mixed; {boundary}\r\n\r\n--b1\r\n{head}\r\n\r\nHello\r\n--b1--\r\n"
    assert read_mail(raw.encode())["subject"] == "s"


def test_the_name_of_a_file_is_read_in_its_own_encoding() -> None:
    part = "Content-Disposition: attachment; filename*=utf-8''%E2%82%AC.txt\r\nContent-Type: text/plain\r\n\r\nx"
    assert read_mail(part.encode())["attachments"][0]["name"] == "\u20ac.txt"


def test_what_python_calls_an_encoding_but_is_no_character_set_is_read_as_utf_8() -> None:
    for charset in ("punycode", "unicode_escape", "raw_unicode_escape"):
        assert (
            read_mail(f"Content-Type: text/plain; charset={charset}\r\n\r\n\\ud800-a".encode())["text"] == "\\ud800-a"
        )


def test_an_attached_message_that_cannot_be_written_again_has_no_size() -> None:
    raw = b"Content-Type: message/rfc822\r\n\r\nSubject: a\x0cTo: b\r\n\r\ntext"
    assert read_mail(raw)["attachments"] == [{"name": "", "content_type": "message/rfc822"}]
