"""The fields of a form in a request, in either encoding. Source: HTML Living Standard, Form submission."""

from collections.abc import Iterator, Mapping
from email import policy
from email.message import Message
from email.parser import BytesParser
from urllib.parse import parse_qsl

from pipelines.collect.charsets import decoded_text, filename, parameter

_MULTIPART = "multipart/form-data"


def form_pairs(content_type: str, body: bytes, encodings: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """Name and text of each field in their order; of a file only its name. Raises ValueError for what is no form.

    `encodings` are those of fields (by name) that do not say it themselves; else it is UTF-8.
    """
    if content_type.partition(";")[0].strip().lower() == _MULTIPART:
        return list(_multipart(content_type, body, encodings or {}))
    return parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict")


def _multipart(content_type: str, body: bytes, encodings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    head = b"Content-Type: " + content_type.encode("latin-1", "replace").replace(b"\n", b" ") + b"\n\n"
    try:
        message = BytesParser(policy=policy.compat32).parsebytes(head + body)
    except (TypeError, RecursionError) as problem:  # a boundary that is none, parts within parts without end
        raise ValueError("the body cannot be divided into parts") from problem
    if not message.is_multipart():
        raise ValueError("no boundary stands in the body")
    for part in message.get_payload():
        if isinstance(part, Message):
            name = parameter(part, "name", "content-disposition")
            if name is not None:
                file = filename(part)
                yield name, _text(part, encodings.get(name, "utf-8")) if file is None else file


def _text(part: Message, encoding: str) -> str:
    """The text of a field, in the encoding that it names, else `encoding`, else UTF-8 or Latin-1, which reads all."""
    found = part.get_payload(decode=True)
    data = found if isinstance(found, bytes) else b""
    for tried in (parameter(part, "charset", "content-type") or encoding, "utf-8"):
        try:
            return decoded_text(data, tried)
        except ValueError:
            continue
    return data.decode("latin-1")
