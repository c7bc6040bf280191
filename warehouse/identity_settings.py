"""The settings of who is one customer: section `[identity]`."""

from dataclasses import dataclass, field

from schemas.phone_numbers import is_region
from warehouse.errors import RapportError

DEFAULT_KINDS = {
    "user_id": 100,
    "customer_id": 95,
    "household_id": 90,
    "loyalty_id": 80,
    "email": 50,
    "phone": 40,
    "device_id": 20,
    "anonymous_id": 10,
}
DEFAULT_PERIODS = {"anonymous_id": "week", "device_id": "year", "email": "year"}
PERIODS = ("ever", "week", "year")
ACCOUNT_LIMIT = 1
OTHER_LIMIT = 5


@dataclass(frozen=True)
class IdentitySettings:
    """Identifiers: priorities of their kinds (the greatest is the anchor), limits, blocked values, what links.

    A customer holds at most `limit(kind)` values of a kind, among those first seen in one period: ever, or a UTC
    calendar week or year. An identifier with links to more than `degree_limit` others links nothing; of a component of
    more than `size_limit` identifiers only links with an account id stand. A proposal of probability `accept` or more
    is a link; from `review` on it waits for a person. `phone_region` (ISO 3166, empty: none) is where telephone numbers
    without a country code are at home. Raises RapportError for values that make no sense.
    """

    priorities: dict[str, int] = field(default_factory=lambda: dict(DEFAULT_KINDS))
    account_kinds: tuple[str, ...] = ("user_id", "customer_id", "household_id", "loyalty_id")
    blocked_values: tuple[str, ...] = ("-1", "null", "undefined", "none", "anonymous", "unknown", "n/a")
    limits: dict[str, int] = field(default_factory=dict)
    periods: dict[str, str] = field(default_factory=dict)
    degree_limit: int = 2_000
    size_limit: int = 10_000
    accept: float = 0.999
    review: float = 0.9
    phone_region: str = ""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        for name, period in self.periods.items():
            if period not in PERIODS:
                raise RapportError(f"[identity] periods.{name} must be one of {', '.join(PERIODS)}, not {period!r}")
        least = {f"limits.{kind}": limit for kind, limit in self.limits.items()}
        for name, limit in {**least, "degree_limit": self.degree_limit, "size_limit": self.size_limit}.items():
            if limit < 1:
                raise RapportError(f"[identity] {name} must be at least 1, not {limit}")
        if not 0 < self.review <= self.accept <= 1:
            raise RapportError("[identity] review and accept must be above 0 and up to 1, and review not the greater")
        if self.phone_region and not is_region(self.phone_region):
            raise RapportError(
                "[identity] phone_region must be two capital letters of ISO 3166 such as DE, or empty, "
                f"not {self.phone_region!r}"
            )

    def priority(self, kind: str) -> int:
        """The kind's priority; 1 for a kind that the settings do not name."""
        return self.priorities.get(kind, 1)

    def limit(self, kind: str) -> int:
        """How many values of the kind a customer may hold: as set, else 1 for account kinds and 5 for others."""
        return self.limits.get(kind, ACCOUNT_LIMIT if kind in self.account_kinds else OTHER_LIMIT)

    def period(self, kind: str) -> str:
        """Within what time the limit of the kind counts, 'ever', 'week' or 'year': as set, else by the kind."""
        return self.periods.get(kind, DEFAULT_PERIODS.get(kind, "ever"))
