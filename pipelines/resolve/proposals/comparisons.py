"""What is compared of two persons: levels of agreement for each attribute, the best first, as Splink takes them.

Columns are those of `proposal_people`; `_l` and `_r` are the two sides. `m` and `u` are the shares of a level among
pairs of one person and among pairs of two, as shipped: they score until a model is fitted, and are what a fit begins
with. They were set by hand, as rough shares for lists of customers.
"""

from dataclasses import dataclass
from typing import Any

Shares = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Level:
    """A level of agreement: its name, its condition, and its shipped shares m (one person) and u (two)."""

    name: str
    condition: str
    m: float
    u: float


@dataclass(frozen=True)
class Comparison:
    """One attribute compared. `unknown` is when nothing can be said; the last level is everything else.

    `is_shared` says that a household shares it, so that its agreement says little of the single person; `term` is the
    column whose frequent values count less where both sides have the same.
    """

    name: str
    unknown: str
    levels: tuple[Level, ...]
    is_shared: bool
    term: str | None = None

    @property
    def shipped(self) -> Shares:
        """The shipped shares (m, u) of the levels."""
        return {level.name: (level.m, level.u) for level in self.levels}

    def settings(self, shares: Shares) -> dict[str, Any]:
        """The comparison as Splink reads it, with the shares (m, u) of its levels."""
        unknown = {"sql_condition": self.unknown, "label_for_charts": UNKNOWN, "is_null_level": True}
        known = [_level(level, *shares[level.name]) for level in self.levels]
        if self.term:
            known[0]["tf_adjustment_column"] = self.term
        return {"output_column_name": self.name, "comparison_levels": [unknown, *known]}


def _level(level: Level, m: float, u: float) -> dict[str, Any]:
    return {
        "sql_condition": level.condition,
        "label_for_charts": level.name,
        "m_probability": m,
        "u_probability": u,
    }


UNKNOWN = "unknown"
DIFFERENT = "different"


def _either_unknown(column: str) -> str:
    return f"{column}_l IS NULL OR {column}_r IS NULL"


def _exact(column: str) -> str:
    return f"{column}_l = {column}_r"


def _alike(column: str, least: float) -> str:
    return f"jaro_winkler_similarity({column}_l, {column}_r) >= {least}"


def _one_slip(column: str) -> str:
    return f"damerau_levenshtein({column}_l, {column}_r) <= 1"


# Given name and surname in each other's place, also with slips in them.
_GIVEN_FOR_SURNAME = "jaro_winkler_similarity(given_l, surname_r)"
_SURNAME_FOR_GIVEN = "jaro_winkler_similarity(surname_l, given_r)"
_SWAPPED = (
    f"least({_GIVEN_FOR_SURNAME}, {_SURNAME_FOR_GIVEN}) >= 0.8 AND "
    f"greatest({_GIVEN_FOR_SURNAME}, {_SURNAME_FOR_GIVEN}) >= 0.9 AND jaro_winkler_similarity(given_l, given_r) < 0.8"
)
_DAY_MONTH = (
    "left(birth_l, 4) = left(birth_r, 4) AND right(birth_l, 4) = substr(birth_r, 7, 2) || substr(birth_r, 5, 2)"
)
_TWO_OF_THREE = (
    "(left(birth_l, 4) = left(birth_r, 4))::INT + (substr(birth_l, 5, 2) = substr(birth_r, 5, 2))::INT "
    "+ (right(birth_l, 2) = right(birth_r, 2))::INT >= 2"
)
_INITIAL = "(length(given_l) = 1 OR length(given_r) = 1) AND left(given_l, 1) = left(given_r, 1)"
_LINES_SWAPPED = "(street_l = extra_r OR extra_l = street_r)"
_STREET_ALIKE = f"({_alike('street', 0.9)} OR {_LINES_SWAPPED})"
_ONE_ALIKE = f"{_exact('place')} AND {_one_slip('postcode')} OR {_exact('postcode')} AND {_alike('place', 0.85)}"


def _of(
    column: str,
    equal: tuple[float, float],
    *between: Level,
    different: tuple[float, float],
    is_shared: bool = False,
    term: str | None = None,
) -> Comparison:
    """One column compared: equal, the levels between, different; `equal` and `different` are the shares (m, u)."""
    levels = (Level("equal", _exact(column), *equal), *between, Level(DIFFERENT, "ELSE", *different))
    return Comparison(column, _either_unknown(column), levels, is_shared, term)


COMPARISONS = (
    _of(
        "given",
        (0.75, 0.008),
        Level("swapped with the surname", _SWAPPED, 0.03, 0.00002),
        Level("alike", f"{_alike('given', 0.9)} OR {_INITIAL}", 0.12, 0.004),
        Level("near", f"{_alike('given', 0.8)} OR {_one_slip('given')}", 0.05, 0.01),
        different=(0.05, 0.977980),
        term="given",
    ),
    Comparison(
        "surname",
        f"{_either_unknown('surname')} OR ({_SWAPPED})",
        (
            Level("equal", _exact("surname"), 0.78, 0.002),
            Level("alike", _alike("surname", 0.9), 0.12, 0.002),
            Level("near", f"{_alike('surname', 0.8)} OR {_one_slip('surname')}", 0.04, 0.006),
            Level(DIFFERENT, "ELSE", 0.06, 0.99),
        ),
        is_shared=True,
        term="surname",
    ),
    _of(
        "birth",
        (0.90, 0.00004),
        Level("one slip", f"{_one_slip('birth')} OR ({_DAY_MONTH})", 0.06, 0.0008),
        Level("two of day, month, year", _TWO_OF_THREE, 0.02, 0.004),
        different=(0.02, 0.99516),
    ),
    _of(
        "number",
        (0.88, 0.000002),
        Level("one slip", _one_slip("number"), 0.08, 0.0001),
        different=(0.04, 0.999898),
    ),
    _of(
        "email",
        (0.70, 0.00002),
        Level("same name at another host, or one slip", f"mailbox_l = mailbox_r OR {_one_slip('email')}", 0.15, 0.0001),
        different=(0.15, 0.99988),
        is_shared=True,
    ),
    _of(
        "phone",
        (0.70, 0.00002),
        Level("one slip", _one_slip("phone"), 0.05, 0.0001),
        different=(0.25, 0.99988),
        is_shared=True,
    ),
    Comparison(
        "street",
        _either_unknown("street"),
        (
            Level("equal, with the number", f"{_exact('street')} AND {_exact('house')}", 0.55, 0.00001),
            Level("alike, with the number", f"{_STREET_ALIKE} AND {_exact('house')}", 0.20, 0.00002),
            Level("alike", _STREET_ALIKE, 0.12, 0.001),
            Level(DIFFERENT, "ELSE", 0.13, 0.99897),
        ),
        is_shared=True,
    ),
    Comparison(
        "place",
        f"({_either_unknown('place')}) AND ({_either_unknown('postcode')})",
        (
            Level("equal, with the postcode", f"{_exact('place')} AND {_exact('postcode')}", 0.60, 0.0005),
            Level("one equal, the other alike", _ONE_ALIKE, 0.17, 0.0003),
            Level(
                "one equal or alike",
                f"{_exact('place')} OR {_exact('postcode')} OR {_alike('place', 0.9)}",
                0.13,
                0.0042,
            ),
            Level(DIFFERENT, "ELSE", 0.10, 0.995),
        ),
        is_shared=True,
    ),
)
