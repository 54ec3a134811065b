"""Every probe's own series, and their text as Prometheus reads it.

A daemon with a thousand probes has tens of thousands of samples, and the client library writes
each of them anew at every scrape: more than a second, in which nothing else of ours runs. Here a
probe's text is written when its run came in, and a scrape only joins what is there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import chain

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric

from probes.model import Outcome, Run

_HEAD = "# HELP "
#: Steps of a probe that get series of their own; a journey may name its steps after a page's text.
MAX_STEPS = 60
OTHER_STEP = "(other steps)"


class OneProbe:
    """The series of one probe, on a registry of its own."""

    def __init__(self, job: str, buckets_s: tuple[float, ...]) -> None:
        self.registry = registry = CollectorRegistry()
        self._job = job
        self._steps: set[str] = set()
        by_run = ("job", "instance", "location")
        self._success = Gauge(
            "probe_success", "1 if the last run that judged passed.", by_run, registry=registry
        )
        self._duration = Gauge(
            "probe_duration_seconds", "Duration of the last run.", by_run, registry=registry
        )
        self._last_run = Gauge(
            "tripflag_last_run_timestamp_seconds",
            "Start of the last run, Unix time.",
            ("job", "location"),
            registry=registry,
        )
        self.runs = Counter(
            "tripflag_runs", "Runs by outcome.", ("job", "location", "outcome"), registry=registry
        )
        self._run_seconds = Histogram(
            "tripflag_run_duration_seconds",
            "Duration of runs.",
            ("job", "location"),
            buckets=buckets_s,
            registry=registry,
        )
        self._step_seconds = Histogram(
            "tripflag_step_duration_seconds",
            "Duration of a journey's steps.",
            ("job", "step"),
            buckets=buckets_s,
            registry=registry,
        )
        self._vital = Gauge(
            "tripflag_web_vital_seconds",
            "Web vitals of the last run that measured them.",
            ("job", "location", "vital"),
            registry=registry,
        )
        self._cls = Gauge(
            "tripflag_web_vital_cls",
            "Cumulative layout shift of the last run that measured it.",
            ("job", "location"),
            registry=registry,
        )
        self._exposed = Gauge(
            "tripflag_flag_value",
            "Flag value that the last run's page was told; absent where it got no answer.",
            ("job", "location", "flag"),
            registry=registry,
        )
        self.missed = Counter(
            "tripflag_schedule_missed",
            "Ticks that started no run: overlap, misfire or error.",
            ("job", "reason"),
            registry=registry,
        )

    def came_in(self, run: Run, instance: str) -> None:
        """Fold one run into every series."""
        job, location = self._job, run.location
        self.runs.labels(job, location, run.outcome.value).inc()
        self._run_seconds.labels(job, location).observe(run.duration_s)
        self._last_run.labels(job, location).set(run.started_at.timestamp())
        self._duration.labels(job, instance, location).set(run.duration_s)
        if run.outcome.judges:
            self._success.labels(job, instance, location).set(run.outcome is not Outcome.FAILED)
        for step in run.steps:
            self._step_seconds.labels(job, self._known(step.name)).observe(step.duration_s)
        self._measured(run)
        if run.exposure is not None:
            flag, value = run.exposure.flag, run.exposure.value
            if value is None:
                gone = {"job": job, "location": location, "flag": flag}
                self._exposed.remove_by_labels(gone)
            else:
                self._exposed.labels(job, location, flag).set(value)

    def _known(self, step: str) -> str:
        if step not in self._steps:
            if len(self._steps) == MAX_STEPS:
                return OTHER_STEP
            self._steps.add(step)
        return step

    def _measured(self, run: Run) -> None:
        vitals = {} if run.vitals is None else asdict(run.vitals)
        for name, value in vitals.items():
            if value is None:
                continue
            if name == "cls":
                self._cls.labels(self._job, run.location).set(value)
            else:
                self._vital.labels(self._job, run.location, name.removesuffix("_s")).set(value)

    def families(self) -> dict[str, tuple[str, str]]:
        """Return each metric's head (help and type) and its lines; those without lines not."""
        text = generate_latest(self.registry).decode()
        found: dict[str, tuple[str, str]] = {}
        # At a line's start only: a step may be named like a head.
        for block in f"\n{text}".split(f"\n{_HEAD}")[1:]:
            help_line, type_line, *lines = block.rstrip("\n").split("\n")
            if lines:
                head = f"{_HEAD}{help_line}\n{type_line}\n"
                found[help_line.partition(" ")[0]] = head, "\n".join((*lines, ""))
        return found


class ProbeMetrics:
    """All probes' series. Every method may be called from any thread."""

    def __init__(self, buckets_s: Iterable[float]) -> None:
        self._buckets_s = tuple(buckets_s)
        self._lock = threading.Lock()
        self._probes: dict[str, OneProbe] = {}
        self._texts: dict[str, dict[str, tuple[str, str]]] = {}

    def came_in(self, run: Run, instance: str) -> None:
        """Fold one run into every series about its probe."""
        with self._lock:
            self._of(run.probe).came_in(run, instance)
            self._write(run.probe)

    def expect(self, job: str, locations: Iterable[str]) -> None:
        """Start a probe's counters at 0, so that the first failure is an increase."""
        with self._lock:
            for location in locations:
                for outcome in Outcome:
                    self._of(job).runs.labels(job, location, outcome.value)
            self._write(job)

    def missed(self, job: str, reason: str) -> None:
        """Count a tick that started no run."""
        with self._lock:
            self._of(job).missed.labels(job, reason).inc()
            self._write(job)

    def forget(self, job: str) -> None:
        """Drop every series of a probe that is no longer configured."""
        with self._lock:
            self._probes.pop(job, None)
            self._texts.pop(job, None)

    def text(self) -> str:
        """Return every probe's series in the text format; one block for each metric."""
        with self._lock:
            texts = tuple(self._texts.values())
        heads: dict[str, str] = {}
        lines: dict[str, list[str]] = {}
        for name, (head, text) in chain.from_iterable(each.items() for each in texts):
            heads[name] = head
            lines.setdefault(name, []).append(text)
        return "".join(chain.from_iterable((heads[name], *lines[name]) for name in heads))

    def collect(self) -> Iterator[Metric]:
        """Yield the same as objects: what a collector of the client library does."""
        with self._lock:
            found = [list(each.registry.collect()) for each in self._probes.values()]
        merged: dict[str, Metric] = {}
        for metric in chain.from_iterable(found):
            known = merged.setdefault(metric.name, metric)
            if known is not metric:
                known.samples.extend(metric.samples)
        yield from merged.values()

    def _of(self, job: str) -> OneProbe:
        if job not in self._probes:
            self._probes[job] = OneProbe(job, self._buckets_s)
        return self._probes[job]

    def _write(self, job: str) -> None:
        self._texts[job] = self._probes[job].families()
