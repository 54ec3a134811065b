"""What a scrape joins says exactly what the client library would have said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from daemon.metrics import Metrics
from daemon.probe_metrics import MAX_STEPS, OTHER_STEP
from probes.model import Exposure, Outcome, Run, Step, Vitals
from tests.daemon.build import run as a_run

SITE = "http://va.test"
STEPS = "tripflag_step_duration_seconds"


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics(CollectorRegistry(), (0.5, 1))
    for job in ("one", "two", 'th"r\\ee\n'):
        metrics.probes.expect(job, ("local", "west"))
        metrics.probes.came_in(walked(job), SITE)
    metrics.probes.missed("two", "overlap")
    return metrics


def walked(job: str, **more: object) -> Run:
    facts = {
        "steps": (Step("# HELP open\n# TYPE x", Outcome.PASSED, 0.7),),
        "vitals": Vitals(lcp_s=0.31, cls=0.02),
        "exposure": Exposure("a_flag", True),
        **more,
    }
    return replace(a_run(), probe=job, **facts)


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_joined_text_holds_every_sample_and_no_other(metrics: Metrics) -> None:
    joined = samples(metrics.exposition().decode())
    assert joined == samples(generate_latest(metrics.registry).decode())
    assert (
        "tripflag_schedule_missed_total",
        frozenset({("job", "two"), ("reason", "overlap")}),
    ) in joined


def test_a_metric_of_many_probes_has_one_head(metrics: Metrics) -> None:
    lines = metrics.exposition().decode().splitlines()
    heads = [line for line in lines if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads)) > 20
    assert sum("tripflag_runs_total{" in line for line in lines) == 3 * 2 * len(Outcome)


def test_the_text_follows_each_run(metrics: Metrics) -> None:
    value = 'tripflag_flag_value{flag="a_flag",job="one",location="local"}'
    assert f"{value} 1.0" in metrics.exposition().decode()
    metrics.probes.came_in(walked("one", exposure=Exposure("a_flag", False)), SITE)
    assert f"{value} 0.0" in metrics.exposition().decode()
    metrics.probes.came_in(walked("one", exposure=Exposure("a_flag", None)), SITE)
    assert value not in metrics.exposition().decode()


def test_a_removed_probe_leaves_nothing_behind(metrics: Metrics) -> None:
    metrics.probes.forget("one")
    assert 'job="one"' not in metrics.exposition().decode()
    assert 'job="one"' not in generate_latest(metrics.registry).decode()
    metrics.probes.forget("one")
    metrics.probes.expect("one", ("local",))
    zero = 'tripflag_runs_total{job="one",location="local",outcome="passed"} 0.0'
    assert zero in metrics.exposition().decode()


def test_steps_named_after_a_pages_text_are_bounded(metrics: Metrics) -> None:
    for number in range(MAX_STEPS + 20):
        steps = (Step(f"read {number}", Outcome.PASSED, 0.1),)
        metrics.probes.came_in(walked("one", steps=steps), SITE)
    text = metrics.exposition().decode()
    counts = [
        line for line in text.splitlines() if line.startswith(f"{STEPS}_count") and "one" in line
    ]
    assert len(counts) == MAX_STEPS + 1
    assert f'{STEPS}_count{{job="one",step="{OTHER_STEP}"}} 21.0' in counts
