"""The settings of accounts: section `[groups]`."""

from dataclasses import dataclass

# Domains at which anybody gets a mailbox: a shared one says nothing of an organisation.
FREE_MAIL_DOMAINS = (
    "gmail.com", "googlemail.com", "yahoo.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "ymail.com", "hotmail.com",
    "hotmail.co.uk", "hotmail.de", "hotmail.fr", "outlook.com", "outlook.de", "live.com", "msn.com", "aol.com",
    "icloud.com", "me.com", "mac.com", "proton.me", "protonmail.com", "gmx.com", "gmx.net", "gmx.de", "gmx.at",
    "gmx.ch", "web.de", "t-online.de", "freenet.de", "mail.com", "mail.ru", "yandex.ru", "yandex.com", "qq.com",
    "163.com", "126.com", "orange.fr", "free.fr", "laposte.net", "libero.it", "zoho.com", "fastmail.com",
)  # fmt: skip


@dataclass(frozen=True)
class GroupSettings:
    """Groups of people: the rules that find memberships nobody stated (none by default), and domains of free mail.

    The rules are the files of `pipelines/know/accounts/rules`.
    """

    rules: tuple[str, ...] = ()
    free_mail_domains: tuple[str, ...] = FREE_MAIL_DOMAINS
