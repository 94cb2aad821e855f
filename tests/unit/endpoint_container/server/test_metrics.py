"""/metrics: what was done, in the words of Prometheus."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from models.interface import CacheCounts, ModelOptions
from models.registry import load_model
from tests.unit.endpoint_container import fakes

README = Path(__file__).parents[4] / "endpoint_container" / "README.md"


class Remembers(fakes.PicksFirst):
    """Says that it has a cache."""

    @property
    def caches(self) -> Mapping[str, CacheCounts]:
        return {"photo": CacheCounts(hits=3, misses=2, evictions=1, bytes=512)}


def samples(client: Any) -> dict[str, float]:
    """Values by name and labels."""
    response = client.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_answers_and_refusals_are_counted(start: Any, body: dict[str, Any]) -> None:
    client = start(fakes.PicksFirst)
    client.post("/invocations", json=body)
    client.post("/process_request", json=body)
    client.post("/invocations", json={**body, "task": "dance"})
    found = samples(client)
    assert (found["endpoint_requests_total 200"], found["endpoint_requests_total 422"]) == (2, 1)
    assert found["endpoint_batch_size_count"] == found["endpoint_batch_size_sum"] == 2
    assert {stage: found[f"endpoint_stage_seconds_count {stage}"] for stage in ("queue", "vision", "total")} == {
        "queue": 2,
        "vision": 2,
        "total": 2,
    }
    assert found["endpoint_stage_seconds_sum vision"] == 0.002
    assert found["endpoint_model_busy_seconds_total"] > 0
    assert (found["endpoint_state READY"], found["endpoint_state STARTING"]) == (1, 0)


def test_tokens_tiles_and_caches_of_a_real_model_are_told(start: Any, body: dict[str, Any], checkpoint: Path) -> None:
    client = start(lambda: load_model(ModelOptions(checkpoint, 1, "cpu", photo_cache_bytes=10**6)))
    usages = [client.post("/invocations", json=body).json()["usage"] for _ in range(2)]
    found = samples(client)
    assert found["endpoint_tokens_total"] == sum(usage["prompt_tokens"] for usage in usages)
    assert found["endpoint_tiles_total"] == sum(usage["tiles"] for usage in usages)
    # The self-test's photo was looked at as well.
    assert (found["endpoint_cache_hits_total photo"], found["endpoint_cache_misses_total photo"]) == (1, 2)
    assert found["endpoint_cache_bytes photo"] == 2 * 4 * 32 * 4


def test_caches_are_told_for_any_model_that_has_some(start: Any) -> None:
    found = samples(start(Remembers))
    assert found["endpoint_cache_evictions_total photo"] == 1
    assert found["endpoint_cache_bytes photo"] == 512
    assert not any("cache" in name for name in samples(start(fakes.PicksFirst)))


def test_metrics_are_there_before_the_model_is(start: Any) -> None:
    later = fakes.LoadsLater()
    found = samples(start(later, wait=False))
    later.gate.set()
    assert found["endpoint_state STARTING"] == 1


def test_the_readme_names_every_metric(start: Any) -> None:
    readme = README.read_text(encoding="utf-8")
    response = start(Remembers).get("/metrics").text
    for family in text_string_to_metric_families(response):
        # The client adds to each counter the time since when it counts.
        assert f"`{family.name.removesuffix('_created')}" in readme, family.name
