"""Settings: the file, the variables, and what is wrong with them."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.warehouse.homes import settings_of
from warehouse.errors import RapportError
from warehouse.settings import DEFAULT_KINDS, Settings, load_settings


def test_a_missing_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "rapport.toml", {}) == Settings()


def test_the_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    found = settings_of(
        tmp_path,
        """
        currency = "USD"
        threads = 2
        [rates]
        EUR = 1.1
        GBP = "1.25"
        JPY = 1
        [identity]
        account_kinds = ["user_id"]
        priorities = { email = 99, card_id = 7 }
        [know]
        channel_half_life_days = 90
        [decide]
        seed = 7
        holdout_share = 0.1
        """,
    )
    assert (found.currency, found.threads, found.memory_limit) == ("USD", 2, Settings().memory_limit)
    assert found.rates == {"EUR": Decimal("1.1"), "GBP": Decimal("1.25"), "JPY": Decimal(1)}
    assert found.identity.account_kinds == ("user_id",)
    assert found.identity.priorities == {**DEFAULT_KINDS, "email": 99, "card_id": 7}
    assert found.identity.blocked_values == Settings().identity.blocked_values
    assert isinstance(found.know.channel_half_life_days, float)
    assert (found.decide.seed, found.decide.holdout_share) == (7, 0.1)


def test_a_kind_that_the_settings_do_not_name_has_the_lowest_priority() -> None:
    assert Settings().identity.priority("email") == DEFAULT_KINDS["email"]
    assert Settings().identity.priority("other") == 1


def test_limits_and_periods_of_kinds_add_to_the_defaults(tmp_path: Path) -> None:
    found = settings_of(tmp_path, "[identity]\nlimits = { phone = 2 }\nperiods = { phone = 'year' }").identity
    assert [found.limit(kind) for kind in ("phone", "user_id", "email")] == [2, 1, 5]
    assert [found.period(kind) for kind in ("phone", "user_id", "anonymous_id")] == ["year", "ever", "week"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("periods = { email = 'month' }", r"periods.email must be one of ever, week, year, not 'month'"),
        ("limits = { email = 0 }", r"limits.email must be at least 1, not 0"),
        ("degree_limit = 0", r"degree_limit must be at least 1, not 0"),
        ("review = 0.9999", r"review not the greater"),
        ("accept = 1.5", r"up to 1"),
        ("phone_region = 'de'", r"phone_region must be two capital letters of ISO 3166 such as DE, or empty, not 'de'"),
        ("phone_region = 'XX'", r"not 'XX'"),
    ],
)
def test_settings_of_identity_that_make_no_sense_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RapportError, match=message):
        settings_of(tmp_path, f"[identity]\n{text}")


@pytest.mark.parametrize("content", [b"currency = ", b"currency = 'USD' x", b"a = '\xff'"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rapport.toml").write_bytes(content)
    with pytest.raises(RapportError, match=r"rapport\.toml is not valid TOML: .+; mend that line"):
        load_settings(tmp_path / "rapport.toml", {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("curency = 'USD'", r"setting 'curency' is unknown; known are as_of, catalog, channels, collector, currency"),
        ("[identity]\nkinds = []", r"setting \[identity\] 'kinds' is unknown; known are accept, account_kinds"),
        ("[identity.decide]\nseed = 1", r"setting \[identity\] 'decide' is unknown"),
    ],
)
def test_an_unknown_setting_is_refused_with_those_that_are_known(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RapportError, match=message):
        settings_of(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("currency = 7", "'currency' must be a text, not 7"),
        ("threads = '2'", "'threads' must be a whole number, not '2'"),
        ("threads = 2.0", "'threads' must be a whole number, not 2.0"),
        ("threads = true", "'threads' must be a whole number, not True"),
        ("is_encrypted = 1", "'is_encrypted' must be true or false, not 1"),
        ("rates = 1.1", "'rates' must be a table, not 1.1"),
        ("rates.EUR = true", "'rates.EUR' must be a number above zero, not True"),
        ("rates.EUR = 'dear'", "'rates.EUR' must be a number above zero, not 'dear'"),
        ("rates.EUR = 0", "'rates.EUR' must be a number above zero, not '0'"),
        ("rates.EUR = nan", "'rates.EUR' must be a number above zero, not 'nan'"),
        ("rates.EUR = 10000000000", "'rates.EUR' must be from 0.0000000001 to below 10,000,000,000, not '10000000000'"),
        ("rates.EUR = '0.00000000009'", "'rates.EUR' must be from 0.0000000001 to below"),
        ("identity = 1", r"\[identity\] must be a table"),
        ("identity.priorities.email = 'high'", "'priorities.email' must be a whole number, not 'high'"),
        ("identity.blocked_values = ['x', 1]", "'blocked_values' must be a text, not 1"),
        ("identity.blocked_values = 'x'", "'blocked_values' must be a list, not 'x'"),
        ("know.channel_half_life_days = '90'", "'channel_half_life_days' must be a number, not '90'"),
        ("know.channel_half_life_days = false", "'channel_half_life_days' must be a number, not False"),
    ],
)
def test_a_setting_of_the_wrong_type_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RapportError, match=rf"rapport\.toml: (setting )?{message}"):
        settings_of(tmp_path, text)


def test_variables_override_the_file(tmp_path: Path) -> None:
    found = settings_of(
        tmp_path,
        "currency = 'USD'\n[decide]\nseed = 7",
        RAPPORT_CURRENCY="GBP",
        RAPPORT_THREADS="3",
        RAPPORT_DECIDE_SEED="8",
        RAPPORT_KNOW_CHANNEL_HALF_LIFE_DAYS="30",
        RAPPORT_HOME="elsewhere",
        RAPPORT_IDENTITY_PRIORITIES="ignored",
        CURRENCY="CHF",
    )
    assert (found.currency, found.threads, found.decide.seed) == ("GBP", 3, 8)
    assert found.know.channel_half_life_days == 30.0
    assert found.identity == Settings().identity


def test_a_variable_of_the_wrong_type_is_named(tmp_path: Path) -> None:
    with pytest.raises(RapportError, match="RAPPORT_DECIDE_SEED must be a whole number, not 'one'"):
        settings_of(tmp_path, "", RAPPORT_DECIDE_SEED="one")


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False)])
def test_a_variable_turns_a_setting_on_or_off(tmp_path: Path, text: str, value: bool) -> None:
    assert (
        settings_of(tmp_path, f"is_encrypted = {str(not value).lower()}", RAPPORT_IS_ENCRYPTED=text).is_encrypted
        is value
    )


def test_a_variable_that_is_neither_true_nor_false_is_named(tmp_path: Path) -> None:
    with pytest.raises(RapportError, match="RAPPORT_IS_ENCRYPTED must be true or false, not '1'"):
        settings_of(tmp_path, "", RAPPORT_IS_ENCRYPTED="1")
