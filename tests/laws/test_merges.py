"""Law 5: adding, then removing, a link gives back the earlier profiles, and no event is rewritten by a merge."""

from tests.keep.till import row, till
from tests.laws.states import assert_conserved, differences, held, one
from tests.laws.worlds import Record, new_home, run_load

EARLY, LATER = "2025-01-01T10:00:00Z", "2025-04-01T10:00:00Z"
CUSTOMERS = ("identities", "profiles", "channel_preferences", "interests", "orders", "contacts", "daily_activity")


def saying(version: int, email: str) -> Record:
    """What a call says of one user's address, in the given version."""
    return row("link", user="u1", email=email, event="page", at=LATER, version=version)


def test_a_link_that_an_event_adds_and_a_newer_version_takes_back_leaves_the_earlier_profiles() -> None:
    with new_home() as home:
        run_load(
            home,
            till(
                row("mine", user="u1", email="a@shop.example", amount=5, order="o", at=EARLY, category="tea"),
                row("theirs", user="", email="b@shop.example", amount=7, order="p", at=EARLY, category="coffee"),
                row("mail", user="", email="b@shop.example", event="email_delivered", contact="k", channel="email"),
                saying(1, "a@shop.example"),
            ),
        )
        assert one(home, "SELECT COUNT(*) FROM profiles") == 2
        with held(home) as before:
            run_load(home, till(saying(2, "b@shop.example")))
            assert one(home, "SELECT COUNT(*) FROM profiles") == 1
            assert one(home, "SELECT order_count FROM profiles") == 2
            newest = "commit_seq = (SELECT MAX(commit_seq) FROM batches)"
            assert one(home, f"SELECT LIST(event_id) FROM interactions WHERE {newest}") == ["link"]
            with held(home) as merged:
                assert set(differences(before, merged, CUSTOMERS)) >= {"identities", "profiles", "interests"}
            run_load(home, till(saying(3, "a@shop.example")))
            with held(home) as after:
                assert differences(before, after, CUSTOMERS) == {}
        assert_conserved(home)
