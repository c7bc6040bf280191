from pathlib import Path

import pytest

from pipelines.collect.server import sources
from pipelines.collect.server.sources import Source, served_sources, webhook_of
from pipelines.collect.webhook import RefusedError, Webhook
from tests.collect.server.running import SOURCES, Running
from tests.warehouse.homes import settings_of
from warehouse.errors import RapportError
from warehouse.settings import SourceSettings

PRIVATE = "very-private-value"
SHOP = SourceSettings("segment", secrets={"write_key": "env:SHOP_KEY"})


def test_sources_of_the_settings_take_their_secrets_from_the_environment(tmp_path: Path) -> None:
    text = f'[sources.shop]\nconnector = "segment"\nwrite_key = "env:KEY"\n[sources.segment]\nwrite_key = "{PRIVATE}"\n'
    given = settings_of(tmp_path, text).sources
    found, lacking = served_sources(given, {"KEY": "k"})
    assert lacking == []
    assert found.with_key("segment", "k").name == "shop"
    assert found.with_key("segment", PRIVATE).name == "segment"
    assert PRIVATE not in repr(given) + repr(found)


@pytest.mark.parametrize(
    "text",
    [
        "sources = 5",
        "[sources]\nshop = 5",
        f'[sources.shop]\nwrite_key = ["{PRIVATE}"]',
        "[sources.shop]\nconnector = 5",
    ],
)
def test_a_wrong_table_of_a_source_is_an_error_that_says_no_value(tmp_path: Path, text: str) -> None:
    with pytest.raises(RapportError, match="sources") as problem:
        settings_of(tmp_path, text)
    assert PRIVATE not in str(problem.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "no source can be served"),
        ({"shop": SourceSettings("segment", secrets={})}, "source 'shop' is not served: it has no write_key"),
        ({"shop": SourceSettings("segmnt", secrets={"write_key": "k"})}, "connector 'segmnt' is unknown"),
        ({"shop": SourceSettings("table", secrets={})}, "takes no requests"),
        ({"a/b": SourceSettings("segment", secrets={"write_key": "k"})}, "choose another"),
        ({"..": SourceSettings("segment", secrets={"write_key": "k"})}, "choose another"),
        ({"shop": SHOP}, "the variable SHOP_KEY is not set"),
        ({name: SourceSettings("segment", secrets={"write_key": PRIVATE}) for name in "ab"}, "have the same write_key"),
    ],
    ids=str,
)
def test_sources_that_cannot_be_served_are_told_by_name(given: dict[str, SourceSettings], said: str) -> None:
    with pytest.raises(RapportError) as problem:
        served_sources(given, {})
    assert said in str(problem.value)
    assert PRIVATE not in str(problem.value)


def test_a_webhook_needs_its_secrets_or_basic(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {"table": Webhook((), lambda _, __: None), "sendgrid": Webhook(("public_key",), lambda _, __: None)}
    monkeypatch.setattr(sources, "webhook_of", kinds.get)
    given = {"shop": SHOP, "table": SourceSettings(), "sendgrid": SourceSettings("", secrets={"username": "u"})}
    found, lacking = served_sources(given, {"SHOP_KEY": "k"})
    assert [source.name for source in found.known] == ["shop"]
    assert lacking == [
        "source 'table' is not served: it has no username, no password",
        "source 'sendgrid' is not served: it has no public_key",
    ]


@pytest.mark.parametrize("name", ["brevo", "sparkpost"])
def test_a_token_or_basic_serves_a_source_whose_provider_offers_both(name: str) -> None:
    both = {"username": "u", "password": "p"}
    for secrets in ({"auth_token": "t"}, both, {**both, "auth_token": "t"}):
        found, lacking = served_sources({name: SourceSettings(secrets=secrets)}, {})
        assert ([source.name for source in found.known], lacking) == ([name], [])
    given = {"shop": SHOP, name: SourceSettings(secrets={"username": "u"})}
    _, lacking = served_sources(given, {"SHOP_KEY": "k"})
    assert lacking == [f"source '{name}' is not served: it has no auth_token (or username and password)"]


def test_keys_are_those_of_their_connector() -> None:
    assert SOURCES.with_key("cloudevents", "key-1").name == "bus"
    assert SOURCES.only("snowplow") == Source("web", "snowplow", {})
    assert SOURCES.only("cloudevents") is None
    for key in ("", "key-3", "key-1 "):
        with pytest.raises(RefusedError, match="unknown"):
            SOURCES.with_key("segment", key)
    assert webhook_of("none") is None


def test_health_and_metrics_tell_how_the_collector_is(collector: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert collector.ask("GET", "/health").object == {"status": "ok"}
    assert collector.post("/v1/batch", {"batch": [{}, {}]}).status == 200
    shown = collector.ask("GET", "/metrics")
    assert shown.headers["content-type"].startswith("text/plain")
    assert b'rapport_collector_events_total{connector="segment",source="shop"}' in shown.body
    monkeypatch.setattr(type(collector.collector.writer), "is_alive", False)
    assert collector.ask("GET", "/health").status == 503
    assert collector.ask("GET", "/").status == 404
