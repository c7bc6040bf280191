"""Rules that find memberships, one file each; `rules()` finds them."""

import sys
from functools import cache

from pipelines.know.accounts.rule import GroupRule
from schemas.discovery import discover
from warehouse.errors import RapportError
from warehouse.group_settings import GroupSettings


@cache
def rules() -> dict[str, GroupRule]:
    """Every rule by name, in the order of their names."""
    return discover(sys.modules[__name__], "GROUP_RULE", GroupRule)


def chosen_rules(settings: GroupSettings) -> dict[str, GroupRule]:
    """The rules that the settings turn on. Raises RapportError for a name that no rule has."""
    for name in settings.rules:
        if name not in rules():
            raise RapportError(f"[groups] rules: '{name}' is unknown; known are {', '.join(rules())}")
    return {name: rule for name, rule in rules().items() if name in settings.rules}
