"""What a machine did is known from when its evidence came, under the rules of that time."""

import json
from datetime import datetime
from typing import Any

from flows.customer import read_past_customer
from tests.laws.states import one, rows
from tests.laws.worlds import AS_OF, Load, new_home, run, run_load
from warehouse import open_lake
from warehouse.home import Home
from warehouse.run import parse_as_of


def mail(id: str, event: str, second: int, link: str = "") -> tuple[str, str]:
    """An event of one message to one person."""
    told = {"email": "person@example.com", "timestamp": 1735725600 + second, "event": event, "sg_event_id": id}
    return "sendgrid", json.dumps({**told, "sg_message_id": "k", **({"url": link} if link else {})})


def counted(home: Home, known_at: datetime | None = None) -> tuple[Any, Any, Any]:
    """The person's interactions: as the macro says, as the one past profile says, and how many contacts answered."""
    asked = [parse_as_of(AS_OF), known_at]
    (said,) = rows(home, "SELECT interaction_count FROM profiles_asof(?, ?)", asked)
    with open_lake(home.root) as lake:
        found = read_past_customer(lake, "email:person@example.com", asked[0], known_at)
    seen = next(trait["values"]["interaction_count"] for trait in found.traits if trait["trait"] == "channel_counts")
    return said[0], seen, one(home, "SELECT COUNT(responded_at) FROM contacts")


def test_the_past_keeps_the_marks_and_the_rules_that_it_had() -> None:
    newest = "SELECT MAX(started_at) FROM batches"
    with new_home() as home:
        run_load(home, Load((mail("d", "delivered", 0), mail("c1", "click", 2, "https://shop.example/1"))))
        first = one(home, newest)
        assert counted(home) == (2, 2, 1)
        run_load(home, Load((mail("c2", "click", 3, "https://shop.example/2"),)))
        second = one(home, newest)
        assert counted(home) == (1, 1, 0)
        assert counted(home, first)[:2] == (2, 2)
        home.settings_file.write_text("[machines]\ndelivery_seconds = 0\n", encoding="utf-8")
        run(home)
        assert counted(home) == (3, 3, 1)
        assert one(home, "SELECT interaction_count FROM profiles") == 3
        assert [counted(home, known)[:2] for known in (first, second)] == [(2, 2), (1, 1)]
        assert one(home, "SELECT COUNT(*) FROM machine_engagements") == 0
