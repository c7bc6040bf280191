from pathlib import Path
from urllib.parse import urlencode

import pytest

from pipelines.collect.server.sources import Source, Sources
from tests.collect.server.running import Running, landed, running

TP2 = "/com.snowplowanalytics.snowplow/tp2"
SCHEMA = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"
EVENT = {"e": "pv", "p": "web", "aid": "shop", "eid": "7b1c0f5e"}


def test_posted_events_are_landed_in_the_envelope_of_their_request(collector: Running) -> None:
    payload = {"schema": SCHEMA, "data": [EVENT, EVENT]}
    answer = collector.post(
        TP2, payload, key="", User_Agent="browser", Cookie="sp=1", Origin="https://shop.example.com"
    )
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.headers["access-control-allow-credentials"] == "true"
    ((source, line),) = collector.landed()
    assert source == "web"
    assert line["body"] == payload
    assert line["rapport_request"]["headers"] == {"user-agent": "browser"}
    assert line["rapport_request"]["received_at"].endswith("Z")


def test_an_image_is_landed_as_payload_data_and_answered_with_a_pixel(collector: Running) -> None:
    answer = collector.ask("GET", "/i?" + urlencode({**EVENT, "page": "Tea & milk é"}))
    assert answer.headers["content-type"] == "image/gif"
    assert answer.body.startswith(b"GIF89a")
    assert len(answer.body) == 43
    assert collector.ask("GET", "/i").status == 200
    ((_, line),) = collector.landed()
    assert line["body"] == {"schema": SCHEMA, "data": [{**EVENT, "page": "Tea & milk é"}]}


@pytest.mark.parametrize("payload", [[], {}, {"data": {}}, {"data": [1]}, 5])
def test_what_is_no_payload_data_is_refused(collector: Running, payload: object) -> None:
    assert collector.post(TP2, payload, key="").status == 400


def test_an_empty_payload_is_no_fault(collector: Running) -> None:
    assert collector.post(TP2, {"schema": SCHEMA, "data": []}, key="").status == 200
    assert collector.post(TP2, {"data": ["x" * 2_000_000]}, key="").status == 413
    assert collector.landed() == []


def test_the_app_id_tells_the_source_where_there_are_several(tmp_path: Path) -> None:
    sources = Sources(tuple(Source(f"web-{app}", "snowplow", {"write_key": app}) for app in ("shop", "blog")))
    with running(tmp_path, sources) as collector:
        for app, status in (("shop", 200), ("blog", 200), ("else", 401), ("", 401)):
            assert collector.post(TP2, {"data": [{**EVENT, "aid": app}]}, key="").status == status
        mixed = [{**EVENT, "aid": app} for app in ("shop", "blog")]
        assert collector.post(TP2, {"data": mixed}, key="").status == 400
    assert sorted(source for source, _ in landed(tmp_path)) == ["web-blog", "web-shop"]
