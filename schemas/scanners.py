"""Programs that open mail and follow its links, known by the user agent that they send.

Sources: the vendors' pages on link protection (Barracuda, Cisco, Mimecast, Proofpoint, Trend Micro), Microsoft's on
BingPreview, the previews of messengers, and the default user agents of HTTP libraries. Mail proxies that load a picture
when a person opens the mail (Gmail's GoogleImageProxy, Yahoo's) are not in the list. A scanner that calls itself a
browser is found by its speed alone, which takes more than one event.
"""

import re

from schemas.table import literal

_SECURITY = (
    "barracuda", "ciscosecureemail", "ironport", "fortinet", "fortiguard", "mimecast", "proofpoint", "sophos",
    "symantec", "trendmicro", "trend micro", "zscaler", "virustotal", "urlscan", "phishtank", "google-safety",
    "safe ?links", "office existence discovery", "vade ?(?:secure|retro)",
)  # fmt: skip
_PREVIEWS = (
    "bingpreview", "facebookexternal", "facebookcatalog", "slack-imgproxy", "slackbot", "skypeuripreview", "whatsapp/",
    "telegrambot", "twitterbot", "linkedinbot", "discordbot", "google-read-aloud", "snap url preview",
)  # fmt: skip
_LIBRARIES = (
    "^curl/", "^wget/", "^python-requests/", "^python-urllib/", "^python-httpx/", "aiohttp/", "^go-http-client/",
    "^java/", "^apache-httpclient/", "^jetty/", "^libwww-perl/", "^lua-resty-http", "^node-fetch", "^axios/",
    "^guzzlehttp/", "^ruby", "^scrapy/",
)  # fmt: skip
_BROWSERS_WITHOUT_EYES = ("headlesschrome", "phantomjs", "puppeteer", "playwright", "selenium", "crawler", "spider/")
_BOTS = ("[a-z]bot/[0-9]",)  # Googlebot/2.1; not a phone named Cubot
# Apple Mail Privacy Protection loads every picture ahead, whether or not anybody reads.
_APPLE_PRIVACY = (r"^mozilla/5\.0[ \r\n]*$",)

SECURITY_PATTERN = "(?i)" + "|".join(_SECURITY)
PATTERN = "(?i)" + "|".join(
    (*_SECURITY, *_PREVIEWS, *_LIBRARIES, *_BROWSERS_WITHOUT_EYES, *_BOTS, *_APPLE_PRIVACY),
)


def is_scanner(user_agent: str) -> bool:
    """Whether a user agent is one of a program that opens mail or follows links by itself."""
    return re.search(PATTERN, user_agent) is not None


def is_scanner_sql(user_agent: str) -> str:
    """SQL for `is_scanner` over a VARCHAR expression; FALSE where it is NULL. Repeats nothing."""
    return f"COALESCE(regexp_matches({user_agent}, {literal(PATTERN)}), FALSE)"


def is_security_scanner_sql(user_agent: str) -> str:
    """SQL: the user agent is one of a security product; FALSE where it is NULL. Repeats nothing.

    For unsubscribes: mailbox providers send them for the person (RFC 8058), from programs like any other.
    """
    return f"COALESCE(regexp_matches({user_agent}, {literal(SECURITY_PATTERN)}), FALSE)"
