"""The readers in Python, each a function of any bytes that raises only what a fault of its own is."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.collect.connectors import connectors
from pipelines.collect.delimited import SalvagedText, read_delimited
from pipelines.collect.forms import form_pairs
from pipelines.collect.json_path import JsonPath
from pipelines.collect.mapping import parse_mapping
from pipelines.collect.mime import read_mail
from pipelines.collect.server.lines import enveloped
from pipelines.collect.text_lines import read_lines
from pipelines.collect.webhook import RefusedError, Request, Webhook
from tests.collect.fuzz.requests import MAIL, MEDIA_TYPES
from tests.collect.golden import SAMPLES
from warehouse.errors import RapportError

_AT = datetime(2024, 3, 1, 10, tzinfo=UTC)
_SETTING = "whsec_c2VjcmV0"
_FOLDER = TemporaryDirectory()
_FILE = Path(_FOLDER.name) / "input"


class _Always(dict[str, str]):
    """A value for every name."""

    def __init__(self, value: str, others: Mapping[str, str]) -> None:
        super().__init__(others)
        self._value = value

    def get(self, name: str, default: object = None) -> str:
        """The value of its own, else the one for all."""
        return super().get(name, self._value)

    def __contains__(self, name: object) -> bool:
        return True


def mail(data: bytes) -> None:
    """A raw message is always read, as JSON can hold it."""
    json.dumps(read_mail(data), ensure_ascii=False).encode()


def form(data: bytes) -> None:
    """The media type stands on the first line."""
    media_type, _, body = data.partition(b"\n")
    with suppress(ValueError):
        for name, value in form_pairs(media_type.decode("latin-1"), body):
            f"{name}{value}".encode()


def lines(data: bytes) -> None:
    """A file of lines: as many as there are, whatever its bytes."""
    _FILE.write_bytes(data)
    found = read_lines([_FILE]).read_all()
    assert found["row_number"].to_pylist() == list(range(1, len(found) + 1))


def rows(data: bytes) -> None:
    """A file of rows, after a header that serves."""
    _FILE.write_bytes(b"a,b\n" + data)
    found = read_delimited(_FILE, ",").read_all()
    assert sorted(found["row_number"].to_pylist()) == list(range(1, len(found) + 1))
    SalvagedText(_FILE, "").read()


def webhook(data: bytes) -> None:
    """A request of any provider: connector, media type, header and URL on lines of their own, then the body."""
    name, media_type, value, url, body = [*data.split(b"\n", 4), *[b""] * 4][:5]
    text = value.decode("latin-1")
    for found in _chosen(name):
        headers = _Always(text, {"content-type": media_type.decode("latin-1")})
        request = Request("POST", url.decode("latin-1"), headers, body, _AT)
        for step in (found.handshake, found.check):
            with suppress(RefusedError):
                step(request, _Always(_SETTING, {}))
        with suppress(RefusedError):
            enveloped(found.record(request), _AT, {})


def _chosen(name: bytes) -> list[Webhook]:
    known = [found.webhook for found in connectors().values() if found.webhook is not None]
    return [known[sum(name) % len(known)]]


def mapping(data: bytes) -> None:
    """A mapping, and a path in one."""
    text = data.decode("utf-8", "replace")
    with suppress(RapportError):
        parse_mapping(text)
    with suppress(RapportError):
        JsonPath.of(text)


READERS: Mapping[str, Callable[[bytes], None]] = {
    reader.__name__: reader for reader in (mail, form, lines, rows, webhook, mapping)
}


def seeds(name: str) -> list[bytes]:
    """Inputs of a reader to begin with."""
    heads = [kind.encode("latin-1") + b"\n" for kind in MEDIA_TYPES]
    samples = [path.read_bytes().splitlines()[0] for path in sorted(SAMPLES.glob("*/input.ndjson"))]
    found = {
        "mail": [MAIL.encode()],
        "form": [*heads, heads[2] + MAIL.encode(), heads[1] + b"a=%20&a=1"],
        "lines": samples,
        "rows": [b'1,"a ""b"""\r\n\n2\n', (SAMPLES / "table" / "input.csv").read_bytes()],
        "webhook": [
            b"%d\n%sv1,c2lnbmF0dXJl\nhttps://a.example/?b=c\n%s" % (n, heads[0], s) for n, s in enumerate(samples)
        ],
        "mapping": [(SAMPLES / "table" / "mapping.toml").read_bytes(), b'a."b.c"[0][*]'],
    }
    return found[name]
