"""Bytes as text in the encoding that a sender names, and the parameters of MIME headers, however they are written."""

import codecs
from email.message import Message

# Codecs of Python that are no character sets: of domain names, which are slow on long texts, and of its own literals.
_NO_CHARSETS = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}


def decoded_text(data: bytes, charset: str, errors: str = "strict") -> str:
    """The text of `data`; lone surrogates, which no UTF-8 holds, are replaced.

    Raises ValueError where `charset` is none, or `data` no text in it.
    """
    try:
        if codecs.lookup(charset).name in _NO_CHARSETS:
            raise ValueError("not a character set")
        text = data.decode(charset, errors)
    except LookupError as problem:
        raise ValueError("not a character set") from problem
    return without_surrogates(text)


def without_surrogates(text: str) -> str:
    """Bytes that could not be decoded stand as lone surrogates, which no UTF-8 holds."""
    return text.encode("utf-8", "replace").decode()


def parameter(part: Message, name: str, header: str) -> str | None:
    """A parameter of a header of `part`, RFC 2231 decoded; None where it is missing or cannot be read."""
    try:
        found = part.get_param(name, None, header)
    except (TypeError, ValueError):  # pieces that contradict one another, as `name*=x; name*0=y`
        return None
    if not isinstance(found, tuple):
        return None if found is None else without_surrogates(str(found))
    charset, _, text = found
    try:
        return decoded_text(text.encode("raw-unicode-escape"), charset or "us-ascii", "replace")
    except ValueError:
        return without_surrogates(text)


def filename(part: Message) -> str | None:
    """The name of the file that `part` is; None where it has none."""
    found = parameter(part, "filename", "content-disposition")
    return parameter(part, "name", "content-type") if found is None else found
