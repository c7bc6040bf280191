"""The shared vocabulary of events."""

from schemas import vocabulary


def test_a_sign_gives_one_event_name_per_contact_channel() -> None:
    found = vocabulary.contact_events(("sent", "placed"))
    assert {"email_sent", "call_placed"} <= set(found)
    assert len(found) == len(set(found)) == 2 * len(vocabulary.CONTACT_CHANNELS)


def test_a_contact_cannot_have_failed_and_arrived_by_the_same_sign() -> None:
    arrived = {*vocabulary.DELIVERED_SIGNS, *vocabulary.OPENED_SIGNS, *vocabulary.RESPONDED_SIGNS}
    assert not arrived & set(vocabulary.FAILED_SIGNS)


def test_every_answer_that_names_its_contact_is_an_outcome() -> None:
    assert set(vocabulary.RESPONSE_EVENTS) <= set(vocabulary.OUTCOME_EVENTS)


def test_consent_events_state_what_the_consents_table_accepts() -> None:
    from schemas.tables import tables

    (status,) = (column for column in tables()["consents"].columns if column.name == "status")
    assert {said for said, _ in vocabulary.CONSENT_EVENTS.values()} <= set(status.values)
