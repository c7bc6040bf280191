"""Hostile requests for webhooks: near what providers send, with the headers and settings that a check asks for."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from pipelines.collect.requests import ENVELOPE
from pipelines.collect.webhook import Request
from tests.collect.fuzz.byte_mutants import damaged
from tests.collect.fuzz.json_mutants import mutated, written
from tests.collect.fuzz.odd import KEYS, TEXTS
from tests.collect.fuzz.samples import Pool, lines_of

AT = datetime(2024, 3, 1, 10, tzinfo=UTC)
TOPIC = "arn:aws:sns:us-east-1:123456789012:topic"
_URL = "https://collect.example.org/webhooks/some"
_URLS = (
    f"{_URL}?source=shop&user_id=u-1", "http://[", "https://[::1]:99999/", "https://a:b@c:d/?bodySHA256=00", "//", "",
    "https://example.org:abc/", "https://example.org/?bodySHA256=%ff&bodySHA256=", f"{_URL}?%00=%zz&=&&==", "\xe9",
    "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription", "https://[v1.a]/", "https://\u2100/",
    f"{_URL}?a=\xff",
)  # fmt: skip
MEDIA_TYPES = (
    "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b1", "multipart/form-data",
    "application/x-www-form-urlencoded; charset=utf-7", 'multipart/form-data; boundary="', "text/plain; charset=\xff",
    "", "multipart/form-data; boundary*0=b; boundary*1=1", "multipart/form-data; boundary=" + "b" * 300,
    "message/rfc822",
)  # fmt: skip
MAIL = (
    "From: =?utf-8?q?Caf=C3=A9?= <a@example.org>\r\nDate: Wed, 11 Oct 2023 18:31:04 -0700\r\n"
    'Message-ID: <m@example.org>\r\nContent-Type: multipart/mixed; boundary="b1"\r\n\r\n'
    "--b1\r\nContent-Type: text/plain; charset=CHARSET\r\n\r\nHello +2AA- \\ud800\r\n"
    "--b1\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nbody\r\n"
    "--b1\r\nContent-Disposition: attachment; FILENAME\r\n"
    "Content-Transfer-Encoding: ENCODING\r\n\r\n!!!!\r\n--b1--\r\n"
)
_DISPOSITIONS = (
    'form-data; name="{}"',
    'form-data; name="{}"', "form-data; name={}", "form-data; name*=utf-8''{}", "form-data; name",
    'form-data; name="{}"; FILENAME', "attachment", 'form-data; name*0="{}"; name*1="',
    "form-data; name*=a; name*0={}", "form-data; name*=undefined''{}",
)  # fmt: skip
_CHARSETS = (
    "utf-8", "utf-16", "utf-7", "latin-1", "unicode_escape", "raw_unicode_escape", "punycode", "idna", "undefined",
    "hex", "rot13", "none", "\xe9", '"a\0b"', "x" * 300, "", '"', "utf-8; charset*=x; charset*0=y",
    "; charset*0*=undefined''a",
)  # fmt: skip
_FILENAMES = (
    'filename="a.png"', "filename*=utf-8''%E2%82%AC", "filename*=x''%ff", "filename*=undefined''x",
    "filename*=x; filename*0=y", 'filename*="a\0b''x"', "filename*0*=idna''a; filename*1*=b",
    "filename*9999999999999=x", "filename", 'filename="\xe9"', "filename*=punycode''%61", "filename=" + "x" * 300,
)  # fmt: skip
_PART_TYPES = ("", "text/plain; charset=CHARSET", "message/rfc822", "multipart/mixed; boundary=b2", "/", "image/png")
_PART_ENCODINGS = ("", "base64", "quoted-printable", "x-uuencode", "8bit", "\xe9")


class Asked(dict[str, str]):
    """Values by name that note which names are asked for."""

    def __init__(self, values: Mapping[str, str], names: set[str]) -> None:
        super().__init__(values)
        self._names = names

    def get(self, name: str, default: Any = None) -> Any:
        """The value, as a dict gives it."""
        self._names.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self._names.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self._names.add(str(name))
        return super().__contains__(name)


def hostile_request(name: str, asked: set[str], random: Random, pool: Pool) -> Request:
    """A request for connector `name` with the headers `asked`, which takes up the names that are asked of it."""
    headers = {header: header_value(random) for header in sorted(asked) if random.random() < 0.9}
    if random.random() < 0.9:
        headers["content-type"] = random.choice(MEDIA_TYPES)
    body = hostile_body(name, headers.get("content-type", ""), random, pool)
    method = random.choice(("POST", "POST", "POST", "PUT", "GET", "HEAD"))
    url = random.choice(_URLS) if random.random() < 0.4 else _URL
    return Request(method, url, Asked(headers, asked), body, AT)


def hostile_secrets(asked: set[str], random: Random) -> Mapping[str, str]:
    """Settings of a source, right and wrong ones, for the names `asked`."""
    return Asked({name: _secret(random) for name in sorted(asked) if random.random() < 0.95}, asked)


def hostile_body(name: str, media_type: str, random: Random, pool: Pool) -> bytes:
    """What the connector's provider sends, changed: JSON, or a form where the media type says so."""
    documents = lines_of(name).documents
    document = mutated(payload(random.choice(documents)), documents, random, [*pool, *_mails(random)])
    if random.random() < 0.03:
        return random.choice((b"", b"\0", b"[]", b"{}", b"null", b"\xff", b"0", b'"', b"[" * 3000, b"--b1--", b"=&="))
    if "form" in media_type or random.random() < 0.1:
        body = _form(document, media_type, random)
    else:
        body = written(document, is_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    return damaged(body, random) if random.random() < 0.25 else body


def header_value(random: Random) -> str:
    """Something that stands in a header of a signature, a login or a time; all of it in Latin-1."""
    some = random.randbytes(random.choice((0, 8, 16, 20, 32, 64, 256)))
    found = random.choice(
        (
            some.hex(),
            "sha256=" + some.hex(),
            "sha1=" + some.hex(),
            base64.b64encode(some).decode(),
            "v1," + base64.b64encode(some).decode() + " v1,",
            base64.b64encode(some).decode()[1:],
            "Bearer " + some.hex(),
            "Basic " + base64.b64encode(random.choice((b"u:p", b"u", b":", b"\xff:\xfe", some))).decode(),
            "basic",
            str(AT.timestamp() + random.choice((0, -1, 299, 301, 1e12))),
            random.choice(("nan", "inf", "-inf", "1e400", "1_0", " 1709287200 ", "\xb9", "0x1")),
            random.choice(MEDIA_TYPES),
            random.choice(TEXTS),
            some.decode("latin-1"),
        )
    )
    return found.encode("latin-1", "replace").decode("latin-1")


def payload(document: Any) -> Any:
    """The payload of a landed line, without the envelope of its request."""
    return document["body"] if isinstance(document, dict) and ENVELOPE in document and "body" in document else document


def _mails(random: Random) -> list[str]:
    """Raw messages, as they are and in Base64."""
    mail = damaged(_filled(MAIL, random).encode("latin-1"), random)
    return [mail.decode("utf-8", "replace"), mail.decode("latin-1"), base64.b64encode(mail).decode()] * 8


def _filled(text: str, random: Random) -> str:
    """A head or a message with some encoding, character set and name of a file."""
    places = {"CHARSET": _CHARSETS, "FILENAME": _FILENAMES, "ENCODING": _PART_ENCODINGS}
    for place, values in places.items():
        text = text.replace(place, random.choice(values))
    return text


def _form(document: Any, media_type: str, random: Random) -> bytes:
    members = document.items() if isinstance(document, dict) else [(random.choice(KEYS), document)]
    fields = [(str(key), value if isinstance(value, str) else written(value)) for key, value in members]
    fields += [(random.choice(KEYS), random.choice(TEXTS)) for _ in range(random.choice((0, 1, 3)))]
    if "multipart" not in media_type:
        return urlencode(fields, errors="surrogatepass").encode()
    parts = b"".join(_part(key, value.encode("utf-8", "surrogatepass"), random) for key, value in fields)
    return parts + random.choice((b"--b1--\r\n", b"--b1--", b"", b"--b1"))


def _part(name: str, value: bytes, random: Random) -> bytes:
    disposition = random.choice(_DISPOSITIONS).format(name.replace("\n", " "))
    head = f"--b1\r\nContent-Disposition: {disposition}\r\n"
    head += f"Content-Type: {random.choice(_PART_TYPES)}\r\n" if random.random() < 0.4 else ""
    head += "Content-Transfer-Encoding: ENCODING\r\n" if random.random() < 0.3 else ""
    return _filled(head, random).encode("utf-8", "surrogatepass") + b"\r\n" + value + b"\r\n"


def _secret(random: Random) -> str:
    found = random.choice(
        (*_key_texts(), "whsec_c2VjcmV0", "whsec_\xe9", "true", "true", TOPIC, TOPIC, "", "s", *TEXTS[:40])
    )
    return found.encode("utf-8", "replace").decode()


@cache
def _key_texts() -> tuple[str, ...]:
    """Public keys of each kind as PEM and as Base64 of their DER, one that is cut off, and a certificate."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    keys: list[Any] = [ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate(), private]
    public = [key.public_key() for key in keys]
    pem = [key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode() for key in public]
    der = [
        base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode() for key in public
    ]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder(name, name, private.public_key(), 1, AT, AT + timedelta(days=1))
    certificate = builder.sign(private, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    return (*pem, *der, pem[0][:80], der[0][:-8], certificate, certificate[:200], certificate * 2)
