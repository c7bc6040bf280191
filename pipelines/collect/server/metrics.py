"""What /metrics shows, in the Prometheus text format."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_REQUESTS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """The counters of one collector; labels are names of endpoints, connectors and sources, never of persons."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("connector", "source")
        self.requests = self._counter("requests", "Requests by endpoint and status.", ("endpoint", "status"))
        self.events = self._counter("events", "Events that were answered with 2xx, and lie on the disk.", labels)
        self.landed_bytes = self._counter("landed_bytes", "Bytes of landed lines.", labels)
        self.sealed_segments = self._counter("sealed_segments", "Segments that are ready to be taken up.", labels)
        self.failed_groups = self._counter("failed_groups", "Groups that the disk did not take.")
        self.failed_seals = self._counter("failed_seals", "Attempts to seal that the disk refused.")
        self.seconds = self._histogram("request_seconds", "From the request to its answer.", _SECONDS, ("endpoint",))
        self.fsync_seconds = self._histogram("fsync_seconds", "A group on its way to the disk.", _SECONDS)
        self.group_requests = self._histogram("group_requests", "Requests that share one fsync.", _REQUESTS)
        self.held_bytes = Gauge(
            "rapport_collector_held_bytes", "Bytes of requests that are not answered yet.", registry=self.registry
        )

    def shown(self) -> bytes:
        """The text of /metrics."""
        return generate_latest(self.registry)

    def total_events(self) -> int:
        """How many events of all sources were taken."""
        samples = (sample for metric in self.events.collect() for sample in metric.samples)
        return int(sum(sample.value for sample in samples if sample.name.endswith("_total")))

    def _counter(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(f"rapport_collector_{name}", meaning, labels, registry=self.registry)

    def _histogram(
        self, name: str, meaning: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()
    ) -> Histogram:
        return Histogram(f"rapport_collector_{name}", meaning, labels, buckets=buckets, registry=self.registry)
