"""What /metrics tells, in Prometheus' text format. Nothing that a client sent is in a name or a label."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from models.interface import CacheCounts
from server.health import Health, State

SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "endpoint_requests", "Invocations answered, by HTTP status.", ["status"], registry=self._registry
        )
        self.stages = Histogram(
            "endpoint_stage_seconds",
            "What one answered request saw of each stage; vision and language are those of its whole batch.",
            ["stage"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.batches = Histogram(
            "endpoint_batch_size", "Requests the model did together.", buckets=SIZES, registry=self._registry
        )
        self.busy_s = Counter(
            "endpoint_model_busy_seconds", "Time the model thread was at work.", registry=self._registry
        )
        self.tokens = Counter("endpoint_tokens", "Prompt tokens the model was given.", registry=self._registry)
        self.tiles = Counter(
            "endpoint_tiles", "Photo tiles of those prompts, cached ones included.", registry=self._registry
        )
        self.closer_looks = Counter(
            "endpoint_closer_looks", "Looks at more tiles, for answers in doubt.", registry=self._registry
        )
        self.closer_questions = Counter(
            "endpoint_closer_questions", "Questions that were asked again at more tiles.", registry=self._registry
        )
        self.generated = Counter("endpoint_generated_tokens", "Tokens that were written.", registry=self._registry)
        self.prefill_s = Counter(
            "endpoint_prefill_seconds", "Time spent reading the prompts of texts.", registry=self._registry
        )
        self.decode_s = Counter(
            "endpoint_decode_seconds", "Time spent writing texts token by token.", registry=self._registry
        )
        self.first_token_s = Histogram(
            "endpoint_first_token_seconds",
            "From when a request stood in line until the first token of its text.",
            buckets=SECONDS,
            registry=self._registry,
        )
        self.splits = Counter("endpoint_batch_splits", "Batches that failed and were halved.", registry=self._registry)

    def watch(
        self, health: Health, caches: Callable[[], Mapping[str, CacheCounts]], slots_in_use: Callable[[], int]
    ) -> None:
        """Also tell, as of each reading, the server's state, what the model's caches did, and the texts in slots."""
        self._registry.register(Observed(health, caches, slots_in_use))

    def answered(self, timings_ms: Mapping[str, float], usage: Mapping[str, int]) -> None:
        """Count the stages of a request that was answered, and the looks that it took."""
        self.closer_looks.inc(usage.get("looks", 1) - 1)
        self.closer_questions.inc(usage.get("closer_questions", 0))
        for stage, value in timings_ms.items():
            self.stages.labels(stage=stage).observe(value / 1000)

    def text(self) -> bytes:
        """Everything, for a response of type CONTENT_TYPE_PLAIN_0_0_4."""
        return generate_latest(self._registry)


class Observed(Collector):
    """What is not counted here but read when somebody asks."""

    def __init__(
        self, health: Health, caches: Callable[[], Mapping[str, CacheCounts]], slots_in_use: Callable[[], int]
    ) -> None:
        self._health = health
        self._caches = caches
        self._slots_in_use = slots_in_use

    def collect(self) -> Iterable[Metric]:
        states = GaugeMetricFamily("endpoint_state", "1 for the state the server is in.", labels=["state"])
        for state in State:
            states.add_metric([state.value], float(state is self._health.state))
        yield states
        yield GaugeMetricFamily("endpoint_slots_in_use", "Texts that are being written.", value=self._slots_in_use())
        hits = CounterMetricFamily("endpoint_cache_hits", "Found in the cache.", labels=["cache"])
        misses = CounterMetricFamily("endpoint_cache_misses", "Not found in the cache.", labels=["cache"])
        evictions = CounterMetricFamily("endpoint_cache_evictions", "Put out to make room.", labels=["cache"])
        size = GaugeMetricFamily("endpoint_cache_bytes", "Bytes that the cache holds.", labels=["cache"])
        for name, counts in self._caches().items():
            hits.add_metric([name], counts.hits)
            misses.add_metric([name], counts.misses)
            evictions.add_metric([name], counts.evictions)
            size.add_metric([name], counts.bytes)
        yield from (hits, misses, evictions, size)
