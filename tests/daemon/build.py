"""Builders of facts and configurations: every default is a healthy, exposed, enforcing guard's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from config.schema import Config, GuardSpec
from probes.model import Exposure, Outcome, Purpose, Run, Step, Vitals

T0 = datetime(2026, 1, 5, 12, tzinfo=UTC)
FLAG = "widget_enabled"
_ids = count(1)


def at(seconds: float) -> datetime:
    """Time of a story, counted from its beginning."""
    return T0 + timedelta(seconds=seconds)


def run(
    outcome: Outcome = Outcome.FAILED,
    at_s: float = 0,
    *,
    probe: str = "widget",
    exposed: bool | None = True,
    rendered: bool | None = None,
    purpose: Purpose = Purpose.SCHEDULED,
    **more: Any,
) -> Run:
    """Build a run; `exposed` is the value that its page was told for FLAG."""
    more.setdefault("id", f"run-{next(_ids)}")
    more.setdefault("location", "local")
    more.setdefault("exposure", Exposure(FLAG, exposed, rendered))
    return Run(
        probe=probe,
        purpose=purpose,
        started_at=at(at_s),
        duration_s=0.5,
        outcome=outcome,
        **more,
    )


def runs(pattern: str, *, every_s: float = 1, **same: Any) -> list[Run]:
    """Build a row of runs: F failed, P passed, D degraded, E error, S skipped."""
    named = {outcome.name[0]: outcome for outcome in Outcome}
    return [run(named[letter], n * every_s, **same) for n, letter in enumerate(pattern)]


def slow(*durations_s: float | None, outcome: Outcome = Outcome.DEGRADED) -> list[Run]:
    """Build runs whose step "open" took so long; None: the run has no such step."""
    return [
        run(outcome, n, steps=() if took is None else (Step("open", Outcome.PASSED, took),))
        for n, took in enumerate(durations_s)
    ]


def vitals(*lcp_s: float | None) -> list[Run]:
    """Build runs with this largest contentful paint; None: not measured."""
    return [run(Outcome.DEGRADED, n, vitals=Vitals(lcp_s=value)) for n, value in enumerate(lcp_s)]


def guard(*rules: dict[str, Any], **changes: Any) -> GuardSpec:
    """Build an enforcing guard of FLAG; one failed run is its limit unless rules are given."""
    raw: dict[str, Any] = {
        "name": "shield",
        "flag": FLAG,
        "mode": "enforce",
        "probes": ["widget"],
        "control": "control",
        "proof": "proof",
        "rules": list(rules) or [{"rule": "consecutive_failures", "limit": 1}],
    }
    return GuardSpec.model_validate({**raw, **changes})


def config(folder: Path, **guard_changes: Any) -> Config:
    """Build a whole configuration around one guard; two runs confirm, to keep stories short."""
    shield = guard(**{"confirmations": 2, **guard_changes}).model_dump(mode="json")
    probe = {"target": "site", "journey": "walk", "interval_s": 60}
    on_demand = {**probe, "interval_s": None}
    return Config.model_validate(
        {
            "targets": {"site": {"base_url": "http://127.0.0.1:1"}},
            "probes": {"widget": probe, "control": on_demand, "proof": on_demand},
            "guards": {"shield": shield},
            "store": {"url": f"sqlite:///{folder / 'flags.sqlite'}", "timeout_s": 0.05},
            "journal": {"path": str(folder / "journal.sqlite")},
        }
    )
