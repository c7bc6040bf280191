"""Law 3 where it is hardest: what a run took for true goes again with a later run."""

from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.keep.till import row, till
from tests.laws.states import assert_conserved, differences, held
from tests.laws.worlds import Record, new_home, run_load

BEFORE, LATER = "2025-01-01T10:00:00Z", "2025-04-01T10:00:00Z"
MAIL = {"channel": "email", "contact": "k"}


def assert_runs_do_not_matter(*runs: list[Record]) -> None:
    """The runs one after the other, and all records in one run, give the same state."""
    with new_home() as together, new_home() as apart:
        run_load(together, till(*(record for records in runs for record in records)))
        for records in runs:
            run_load(apart, till(*records))
        assert_conserved(apart)
        with held(together) as left, held(apart) as right:
            assert differences(left, right) == {}


def known(*users: str) -> list[Record]:
    """Somebody seen long ago, so that a correction changes neither who is known nor since when."""
    return [row(f"seen-{user}", user=user, event="page", at=BEFORE) for user in users]


def test_corrections_of_what_happened_and_to_whom() -> None:
    assert_runs_do_not_matter(
        [
            *known("u1", "u2", "u3", "u4", "u5"),
            row("amount", user="u1", amount=5, version=1),
            row("refund", user="u2", amount=5, order="o", version=1),
            row("line", user="u2", amount=5, order="o"),
            row("person", user="u3", amount=5, version=1),
            row("day", user="u5", amount=5, version=1, category="c"),
        ],
        [
            row("amount", user="u1", amount=7, version=2),
            row("refund", user="u2", amount=5, order="o", version=2, event="order_refunded"),
            row("another line", user="u2", amount=3, order="o", at=LATER),
            row("person", user="u4", amount=5, version=2),
            row("day", user="u5", amount=5, version=2, at=LATER, category="c"),
        ],
    )


def test_a_correction_that_comes_together_with_a_copy_of_what_it_corrects() -> None:
    earlier = row("e1", user="u2", amount=5, version=1)
    assert_runs_do_not_matter([*known("u1", "u2"), earlier], [earlier, row("e1", amount=5, version=2)])


def test_corrections_of_who_somebody_is_and_since_when() -> None:
    assert_runs_do_not_matter(
        [
            row("address", user="u1", version=1, email="a@shop.example"),
            row("person", user="u2", version=1),
            row("day", user="u4", version=1),
        ],
        [
            row("address", user="u1", version=2, email="b@shop.example"),
            row("person", user="u3", version=2),
            row("day", user="u4", version=2, at=LATER),
        ],
    )


def test_orders_and_contacts_that_a_later_event_moves_to_another_customer() -> None:
    assert_runs_do_not_matter(
        [
            row("line", user="u2", order="o", amount=5),
            row("order", user="u4", order="p", amount=5),
            row("mail", user="", email="a@shop.example", event="email_delivered", **MAIL),
        ],
        [
            row("another line", user="u1", order="o", amount=7),
            row("refund", user="u3", order="p", amount=5, event="order_refunded"),
            row("answer", user="u5", event="email_clicked", **MAIL),
        ],
    )


PEOPLE = ["u1", "u2", "u3", ""]
COPY = st.tuples(
    st.integers(0, 9),
    st.sampled_from(PEOPLE),
    st.sampled_from(["a@shop.example", "b@shop.example", "c@shop.example", "d@shop.example"]),
    st.integers(1, 9),
    st.integers(1, 4),
    st.sampled_from(["o1", "o2", "o3", ""]),
)


@settings(max_examples=1, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(copies=st.lists(COPY, min_size=15, max_size=40), order=st.integers(0, 2**32))
def test_any_corrections_of_any_events_in_any_order(
    copies: list[tuple[int, str, str, int, int, str]], order: int
) -> None:
    records = [
        row(f"e{number}", user=user, email=email, at=f"2025-03-0{day}T10:00:00Z", version=version, order=bought)
        for number, user, email, day, version, bought in copies
    ]
    random = Random(order)
    random.shuffle(records)
    cut = random.randrange(1, len(records))
    assert_runs_do_not_matter(records[:cut], records[cut:])
