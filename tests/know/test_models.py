"""The models against published figures and against their own definitions."""

from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.know.estimators import estimators
from pipelines.know.models import beta_binomial, gamma_gamma, mbg_nbd
from pipelines.know.models.likelihood import Array, LogLikelihood, maximise, merged, rounded
from tests.know import bg_nbd
from tests.know.worlds import cdnow

LAST_DAY = 272  # 30 September 1997, the end of the calibration period, counted from 1 January


def triples() -> tuple[Array, Array, Array]:
    """(x, t_x, T) of CDNOW's calibration period in weeks, in numpy and not through the stage's SQL."""
    days = np.unique(np.column_stack([cdnow()["customer"].to_numpy(), cdnow()["day"].to_numpy()]), axis=0)
    days = days[days[:, 1] <= LAST_DAY]
    _, first, counts = np.unique(days[:, 0], return_index=True, return_counts=True)
    born, last = days[first, 1], days[first + counts - 1, 1]
    return (counts - 1).astype(np.float64), (last - born) / 7, (LAST_DAY - born) / 7


def repeat_spends() -> tuple[Array, Array]:
    """Repeat purchase days up to week 39 and their mean spend, the first purchase left out as in the note."""
    table = np.column_stack([cdnow()[name].to_numpy() for name in ("customer", "day", "cents")])
    keys, places = np.unique(table[table[:, 1] <= LAST_DAY, :2], axis=0, return_inverse=True)
    cents = np.bincount(places, table[table[:, 1] <= LAST_DAY, 2])
    _, first = np.unique(keys[:, 0], return_index=True)
    repeats = np.delete(np.arange(len(keys)), first)
    owners, x = np.unique(keys[repeats, 0], return_counts=True)
    spend = np.array([cents[repeats][keys[repeats, 0] == owner].sum() for owner in owners]) / 100
    return x[spend > 0].astype(np.float64), (spend / x)[spend > 0]


def test_our_triples_are_those_of_the_published_summary() -> None:
    summary = Path(__file__).parents[3] / "shared" / "data" / "cdnow" / "cdnow_customers_summary.csv"
    if not summary.exists():
        pytest.skip("the published summary is not here; the purchases that it was made from are")
    published = pyarrow.csv.read_csv(summary)
    for name, ours in zip(("frequency", "recency", "T"), triples(), strict=True):
        assert published[name].to_numpy() == pytest.approx(ours, abs=0.0051)


def test_mbg_nbd_reproduces_cdnow() -> None:
    model, best = mbg_nbd.fit(*triples())
    assert len(triples()[0]) == 2357
    assert [round(v, 3) for v in (model.r, model.alpha, model.a, model.b)] == [0.525, 6.183, 0.891, 1.614]
    assert best.log_likelihood == pytest.approx(-9582.1, abs=0.1)


def test_bg_nbd_reproduces_cdnow() -> None:
    best = bg_nbd.fit(*triples())
    assert [round(float(v), 3) for v in best.parameters] == [0.243, 4.414, 0.793, 2.426]
    assert best.log_likelihood == pytest.approx(-9582.4, abs=0.05)


def test_gamma_gamma_reproduces_cdnow() -> None:
    model, best = gamma_gamma.fit(*repeat_spends())
    assert len(repeat_spends()[0]) == 946
    assert (model.p, model.q, model.v) == pytest.approx((6.25, 3.74, 15.45), abs=0.01)
    assert best.log_likelihood == pytest.approx(-4055.9177, abs=1e-3)


def test_the_shipped_mbg_nbd_is_the_fit_on_cdnow_in_days() -> None:
    x, t_x, t = triples()
    model, _ = mbg_nbd.fit(x, t_x * 7, t * 7)
    shipped = estimators()["mbg_nbd"].shipped
    assert [shipped[name] for name in ("r", "alpha", "a", "b")] == pytest.approx(
        [model.r, model.alpha, model.a, model.b], rel=1e-3
    )


def test_only_alpha_depends_on_the_time_unit() -> None:
    x, t_x, t = triples()
    weeks, days = mbg_nbd.fit(x, t_x, t)[0], mbg_nbd.fit(x, t_x * 7, t * 7)[0]
    assert (days.r, days.alpha, days.a, days.b) == pytest.approx((weeks.r, weeks.alpha * 7, weeks.a, weeks.b), rel=1e-5)


def test_a_fit_does_not_depend_on_the_order_of_customers() -> None:
    x, t_x, t = triples()
    order = np.random.default_rng(1).permutation(len(x))
    assert mbg_nbd.fit(x[order], t_x[order], t[order])[0] == mbg_nbd.fit(x, t_x, t)[0]


MODEL = mbg_nbd.MbgNbd(0.525, 6.183, 0.891, 1.614)


def test_p_alive_is_its_closed_form_and_below_one_for_a_one_time_buyer() -> None:
    x, t_x, t = np.array([0.0, 2.0]), np.array([0.0, 30.43]), np.array([38.86, 38.86])
    by_hand = 1 / (1 + MODEL.a / (MODEL.b + x) * ((MODEL.alpha + t) / (MODEL.alpha + t_x)) ** (MODEL.r + x))
    assert mbg_nbd.p_alive(MODEL, x, t_x, t) == pytest.approx(by_hand)
    assert by_hand[0] < 1


def test_thousands_of_purchases_neither_overflow_nor_give_nan() -> None:
    x, t_x, t = np.array([9000.0, 9000.0]), np.array([10.0, 3000.0]), np.array([3000.0, 3000.0])
    alive = mbg_nbd.p_alive(MODEL, x, t_x, t)
    assert alive[0] == 0
    assert alive[1] == pytest.approx(1, abs=1e-3)
    assert np.isfinite(mbg_nbd.p_purchase_within(MODEL, x, t_x, t, 30)).all()
    value, gradient = mbg_nbd.log_likelihood(np.array([0.5, 6, 1, 1.6]), x, t_x, t, np.ones(2))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@given(st.floats(0, 200), st.floats(0, 1), st.floats(0.1, 500), st.floats(0.1, 300), st.floats(0.1, 300))
@settings(max_examples=60, deadline=None)
def test_a_longer_horizon_never_lowers_the_chance_of_a_purchase(
    x: float, share: float, t: float, horizon: float, more: float
) -> None:
    customer = (np.array([x]), np.array([t * share]), np.array([t]))
    short = mbg_nbd.p_purchase_within(MODEL, *customer, horizon)[0]
    longer = mbg_nbd.p_purchase_within(MODEL, *customer, horizon + more)[0]
    assert 0 <= short <= longer <= mbg_nbd.p_alive(MODEL, *customer)[0] <= 1


def assert_gradient(log_likelihood: LogLikelihood, at: Array) -> None:
    _, gradient = log_likelihood(at)
    for i, step in enumerate(np.diag(at * 1e-6)):
        slope = (log_likelihood(at + step)[0] - log_likelihood(at - step)[0]) / (2 * step[i])
        assert gradient[i] == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_gradients_are_those_of_the_log_likelihoods() -> None:
    x, t_x, t, w = np.array([0.0, 3, 40]), np.array([0.0, 20, 38]), np.array([30.0, 39, 39]), np.ones(3)
    assert_gradient(lambda p: mbg_nbd.log_likelihood(p, x, t_x, t, w), np.array([0.5, 6, 0.9, 1.6]))
    assert_gradient(lambda p: gamma_gamma.log_likelihood(p, x + 1, t, w), np.array([6.0, 3.7, 15]))
    assert_gradient(lambda p: beta_binomial.log_likelihood(p, x, x + 2, w), np.array([0.4, 7]))


def test_expected_spend_lies_between_the_customer_and_all_customers() -> None:
    model = gamma_gamma.GammaGamma(6.25, 3.74, 15.45)
    everyone = model.p * model.v / (model.q - 1)
    found = gamma_gamma.expected_spend(model, np.array([1.0, 50.0]), np.array([100.0, 100.0]))
    assert everyone < found[0] < found[1] < 100
    improper = gamma_gamma.GammaGamma(0.1, 0.2, 1)
    assert np.isnan(gamma_gamma.expected_spend(improper, np.array([1.0]), np.array([5.0])))[0]


def test_beta_binomial_finds_the_truth_and_its_weights_are_repetitions() -> None:
    draw = np.random.default_rng(7)
    n = draw.integers(1, 40, 20_000).astype(np.float64)
    y = draw.binomial(n.astype(np.int64), draw.beta(2, 18, len(n))).astype(np.float64)
    model, best = beta_binomial.fit(y, n)
    assert (model.a, model.b) == pytest.approx((2, 18), rel=0.1)  # one standard error is about 3 %
    (ys, ns), counts = merged((y, n))
    assert beta_binomial.fit(ys, ns, counts)[0] == model
    assert best.is_inside


def test_without_differences_the_strength_runs_to_the_bound() -> None:
    _, best = beta_binomial.fit(np.full(100, 5.0), np.full(100, 10.0))
    assert best.parameters.sum() > 1000


def test_impossible_input_is_refused() -> None:
    with pytest.raises(ValueError, match="t_x <= T"):
        mbg_nbd.fit(np.array([1.0]), np.array([5.0]), np.array([4.0]))
    with pytest.raises(ValueError, match="positive mean"):
        gamma_gamma.fit(np.array([1.0]), np.array([0.0]))
    with pytest.raises(ValueError, match="y <= n"):
        beta_binomial.fit(np.array([3.0]), np.array([2.0]))


def test_a_maximum_at_the_bound_of_the_search_says_so() -> None:
    best = maximise(lambda p: (float(p[0]), np.array([1.0])), [(1.0,)], 1.0)
    assert not best.is_inside
    assert rounded(1 / 3) == 0.3333333
