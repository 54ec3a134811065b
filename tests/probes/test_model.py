"""A run is the same after a round trip through JSON, and what is no run is refused."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.model import (
    Artifact,
    Exposure,
    FailedRequest,
    Outcome,
    Purpose,
    Run,
    Step,
    ToggleResponse,
    Vitals,
)

TEXTS = st.text(max_size=30)
FIGURES = st.floats(0, 1e6)
TIMES = st.datetimes(timezones=st.timezones() | st.just(UTC))
MAYBE_FIGURE = st.none() | FIGURES
STEPS = st.builds(Step, TEXTS, st.sampled_from(Outcome), FIGURES, TEXTS)
EXPOSURES = st.builds(
    Exposure,
    TEXTS,
    st.none() | st.booleans(),
    st.none() | st.booleans(),
    TEXTS,
    st.none() | st.datetimes(timezones=st.just(UTC)),
)
RUNS = st.builds(
    Run,
    id=TEXTS,
    probe=TEXTS,
    location=TEXTS,
    purpose=st.sampled_from(Purpose),
    started_at=TIMES,
    duration_s=FIGURES,
    outcome=st.sampled_from(Outcome),
    reason=TEXTS,
    steps=st.lists(STEPS, max_size=3).map(tuple),
    exposure=st.none() | EXPOSURES,
    vitals=st.none() | st.builds(Vitals, *[MAYBE_FIGURE for _ in fields(Vitals)]),
    console_errors=st.lists(TEXTS, max_size=3).map(tuple),
    failed_requests=st.lists(
        st.builds(FailedRequest, TEXTS, TEXTS, st.none() | st.integers(100, 599), TEXTS),
        max_size=3,
    ).map(tuple),
    toggles=st.none()
    | st.builds(
        ToggleResponse,
        st.none() | st.integers(100, 599),
        st.dictionaries(TEXTS, st.booleans(), max_size=3),
        TEXTS,
    ),
    artifacts=st.lists(st.builds(Artifact, TEXTS, TEXTS), max_size=3).map(tuple),
    browser=TEXTS,
)


def a_run(**more: object) -> Run:
    return Run(
        "1", "p", "local", Purpose.SCHEDULED, datetime(2026, 1, 2, tzinfo=UTC), 1.5,
        Outcome.PASSED, **more,
    )  # fmt: skip


@given(RUNS)
def test_a_run_survives_its_json(run: Run) -> None:
    assert Run.from_json(run.to_json()) == run
    assert Run.from_json(run.to_json()).to_json() == run.to_json()


@given(RUNS)
def test_only_runs_that_judge_and_count_are_evidence(run: Run) -> None:
    judged = run.outcome in ("passed", "degraded", "failed")
    assert run.judges is (judged and run.purpose in ("scheduled", "confirm", "manual"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    )
)
def test_json_of_anything_else_is_refused(anything: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Run.from_json(json.dumps(anything))


@pytest.mark.parametrize(
    "damage",
    [
        {"outcome": "maybe"},
        {"purpose": "fun"},
        {"started_at": "yesterday"},
        {"started_at": "2026-01-02T03:04:05"},
        {"started_at": 5},
        {"steps": [{"name": "a"}]},
        {"steps": [5]},
        {"steps": None},
        {"exposure": {"flag": "f"}},
        {"exposure": "f"},
        {"vitals": {"speed": 1}},
        {"toggles": {"values": {}}},
        {"failed_requests": [{}]},
        {"artifacts": [[]]},
        {"console_errors": None},
        {"unknown": 1},
    ],
)
def test_a_damaged_run_is_refused(damage: dict[str, object]) -> None:
    raw = json.loads(a_run().to_json()) | damage

    with pytest.raises(ValueError, match=r".+"):
        Run.from_json(json.dumps(raw))


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00", '{"id": 1}'])
def test_text_that_is_no_run_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Run.from_json(text)


def test_a_field_that_is_missing_is_refused() -> None:
    whole = json.loads(a_run().to_json())
    for name in ("id", "outcome", "steps", "exposure", "started_at"):
        with pytest.raises(ValueError, match=r".+"):
            Run.from_json(json.dumps({key: value for key, value in whole.items() if key != name}))


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        Run("1", "p", "l", Purpose.MANUAL, datetime(2026, 1, 2), 1, Outcome.PASSED)  # noqa: DTZ001
