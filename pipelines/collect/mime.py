"""A raw message (RFC 5322, MIME) as an object of what it says, without the contents of its files."""

import json
from collections.abc import Iterator, Mapping
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32
from typing import Any

from pipelines.collect.charsets import decoded_text, filename, parameter, without_surrogates
from pipelines.collect.json_records import first_sql
from schemas.table import literal

# The name under which a record keeps what was read from the raw message that stood in it.
MAIL = "rapport_mail"
MAIL_FIELDS = {
    "headers": "JSON",
    "from": "VARCHAR",
    "to": "VARCHAR",
    "subject": "VARCHAR",
    "date": "VARCHAR",
    "message_id": "VARCHAR",
    "in_reply_to": "VARCHAR",
    "text": "VARCHAR",
    "html": "VARCHAR",
}
_SINGLE = ("from", "to", "cc", "reply_to", "subject", "date", "message_id", "in_reply_to")


def read_mail(raw: bytes) -> dict[str, Any]:
    """What a raw message says: its headers in their order, decoded; the usual ones by name; text, html, attachments.

    `headers` is a list of {name, value}, `attachments` of {name, content_type, size} (bytes). What the message does
    not have is left out, as is the size of an attached message that cannot be written again. Never raises: what cannot
    be decoded is replaced.
    """
    message, leaves = _parsed(raw)
    headers = [{"name": without_surrogates(name), "value": _value(value)} for name, value in message.items()]
    first = {header["name"].lower().replace("-", "_"): header["value"] for header in reversed(headers)}
    files = [_described(part) for part in leaves if _is_file(part)]
    return {
        "headers": headers,
        **{name: first[name] for name in _SINGLE if name in first},
        **_bodies([part for part in leaves if not _is_file(part)]),
        **({"attachments": files} if files else {}),
    }


def with_mail(record: Mapping[str, Any], field: str, raw: bytes) -> bytes:
    """`record` as JSON on one line; what the raw message says, as `MAIL`, stands for its `field`."""
    others = {name: value for name, value in record.items() if name != field}
    return json.dumps({**others, MAIL: read_mail(raw)}, ensure_ascii=False).encode("utf-8", "replace")


def header_list_sql(headers: str, name: str, members: tuple[str, str] = ("name", "value")) -> str:
    """SQL for the first header `name` in a JSON list of {name, value}, whatever the case; NULL if there is none.

    `members` are the names of both, as the list writes them.
    """
    key, value = members
    listed = f"""CASE WHEN {first_sql(headers)} = '[' THEN
        from_json({headers}, '[{{"{key}":"VARCHAR","{value}":"VARCHAR"}}]')
    END"""
    return f"list_filter({listed}, lambda header: lower(header.{key}) = {literal(name.lower())})[1].{value}"


def _parsed(raw: bytes) -> tuple[Message, list[Message]]:
    """The message and its leaves; its headers alone where it cannot be divided into parts."""
    try:
        message = BytesParser(policy=compat32).parsebytes(raw)
        return message, list(_leaves(message))
    except (RecursionError, TypeError, ValueError):  # parts within parts without end, a boundary that is none
        return BytesHeaderParser(policy=compat32).parsebytes(raw), []


def _leaves(part: Message) -> Iterator[Message]:
    """The parts of a message that hold no others; an attached message is one, whatever it holds."""
    members = part.get_payload()
    if isinstance(members, list) and part.get_content_maintype() == "multipart":
        for member in members:
            if isinstance(member, Message):
                yield from _leaves(member)
    else:
        yield part


def _is_file(part: Message) -> bool:
    return (
        part.get_content_disposition() == "attachment"
        or filename(part) is not None
        or part.get_content_maintype() not in ("text", "multipart")
    )


def _bodies(parts: list[Message]) -> dict[str, str]:
    """The first text and the first HTML of a message."""
    found: dict[str, str] = {}
    for part in parts:
        name = {"text/plain": "text", "text/html": "html"}.get(part.get_content_type())
        if name:
            found.setdefault(name, _decoded(part))
    return found


def _decoded(part: Message) -> str:
    data = _content(part)
    try:
        return decoded_text(data, parameter(part, "charset", "content-type") or "utf-8", "replace")
    except ValueError:
        return data.decode("utf-8", "replace")


def _content(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _described(part: Message) -> dict[str, Any]:
    size = _size(part)
    described = {"name": filename(part) or "", "content_type": part.get_content_type()}
    return described if size is None else {**described, "size": size}


def _size(part: Message) -> int | None:
    attached = part.get_payload()
    whole = attached[0] if isinstance(attached, list) and attached else None
    if not isinstance(whole, Message):
        return len(_content(part))
    try:
        return len(whole.as_bytes())
    except (MessageError, LookupError, RecursionError, TypeError, ValueError):
        return None


def _value(raw: object) -> str:
    """A header's value on one line, with encoded words decoded."""
    try:
        text = str(make_header(decode_header(str(raw))))
    except (MessageError, ValueError, LookupError):
        text = str(raw)
    return " ".join(without_surrogates(text).split())
