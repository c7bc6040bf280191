"""What Twilio's products share: signed requests, forms, addresses and dates. Source: Twilio Docs, Webhooks security."""

import base64
import hashlib
import json
from urllib.parse import SplitResult, parse_qs, parse_qsl, urlsplit, urlunsplit

from pipelines.collect.json_records import request_header_sql
from pipelines.collect.signatures import header, hmac_of, is_same
from pipelines.collect.webhook import RefusedError, Request, Secrets, Webhook, form_fields, json_record, media_type
from schemas.table import literals

# What a sender may write into the query of the callback's URL, as Twilio carries nothing else.
CARRIED = ("user_id", "campaign_id", "offer_id", "decision_id")
_SIGNATURE = "x-twilio-signature"
_REPEATED = "i-twilio-idempotency-token"
# The same for a request and those that repeat it; NULL in files.
REQUEST_ID = request_header_sql(_REPEATED)
_PORTS = {"http": 80, "https": 443}
# Numbers that stand for a caller who shows none (Twilio Help Center, "Why am I getting calls from these numbers").
_NAMELESS = (
    "+266696687",
    "+7378742833",
    "+17378742833",
    "+2562533",
    "+12562533",
    "+8566696",
    "+18566696",
    "+86282452253",
)

# ISO 8601, or RFC 2822 as the REST API and the voice callbacks write times.
TIME = "COALESCE(TRY_CAST({raw} AS TIMESTAMPTZ), try_strptime({raw}, '%a, %d %b %Y %H:%M:%S %z'))"


def check(request: Request, secrets: Secrets) -> None:
    """Base64 of HMAC-SHA1 under the setting `auth_token`, over the URL and the sorted fields of the form.

    A JSON body is not part of it: the URL holds its SHA-256 as `bodySHA256`. The port may be left out of the signed
    URL or written into it. Raises RefusedError.
    """
    given = header(request, _SIGNATURE)
    signed = [f"{url}{_fields(request)}" for url in _spellings(request.url)]
    expected = [base64.b64encode(hmac_of(secrets, "auth_token", text.encode(), "sha1")).decode() for text in signed]
    # All of them are compared, so that the time does not tell which one fits.
    matches = [is_same(given, one) for one in expected]
    if not any(matches):
        raise RefusedError(401, f"the signature in {_SIGNATURE} is wrong")


def _fields(request: Request) -> str:
    digests = parse_qs(_parts(request.url).query).get("bodySHA256")
    if digests:
        if not is_same(digests[0].lower(), hashlib.sha256(request.body).hexdigest()):
            raise RefusedError(401, "the body does not have the digest bodySHA256 of the URL")
        return ""
    if not request.body:
        return ""
    fields = form_fields(request)
    return "".join(
        name + value
        for name, said in sorted(fields.items())
        for value in ([said] if isinstance(said, str) else sorted(set(said)))
    )


def _spellings(url: str) -> set[str]:
    """The URL as it is, with the port of its scheme, and without a port."""
    parts = _parts(url)
    host = parts.netloc.removesuffix(f":{parts.port}") if parts.port else parts.netloc
    port = parts.port or _PORTS.get(parts.scheme)
    return {url, *(urlunsplit(parts._replace(netloc=netloc)) for netloc in (host, f"{host}:{port}"))}


def _parts(url: str) -> SplitResult:
    """The parts of a URL; its host is what the sender wrote. Raises RefusedError for what is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # which is read only now
    except ValueError as problem:
        raise RefusedError(400, "the host or the port of the request is none") from problem
    return parts


def record(request: Request) -> bytes:
    """The fields of the form, or the body that is JSON, with what CARRIED names in the query of the URL."""
    is_json = media_type(request.headers) == "application/json"
    fields = json.loads(json_record(request)) if is_json else form_fields(request)
    if not isinstance(fields, dict):
        raise RefusedError(400, "the body is no JSON object")
    query = {name: value for name, value in parse_qsl(_parts(request.url).query) if name in CARRIED}
    return json.dumps({**query, **fields}, ensure_ascii=False).encode("utf-8", "replace")


WEBHOOK = Webhook(secrets=("auth_token",), check=check, record=record, headers=(_REPEATED,))


def number_sql(address: str) -> str:
    """SQL for the telephone number in an address (`+1555…`, `whatsapp:+1555…`); NULL where none is shown."""
    bare = rf"regexp_extract({address}, '^(?:[a-z]+:)?(\+?[0-9][0-9 ().-]*)$', 1)"
    nameless = literals(_NAMELESS)
    return f"CASE WHEN {bare} NOT IN ({nameless}) THEN nullif({bare}, '') END"
