"""The README's figures: how rarely the shipped rules kill by chance, how soon in earnest."""

from __future__ import annotations

import statistics

from tests.bench.false_kills import HEALTHY, delays_s, false_kills_a_year, shipped


def test_the_shipped_rules_kill_by_chance_less_than_once_in_fifty_years() -> None:
    config, guard = shipped()
    assert 0 < false_kills_a_year(config, guard, HEALTHY, stories=1500) < 0.02


def test_one_breaching_run_less_would_kill_far_more_often() -> None:
    config, guard = shipped()
    first = guard.rules[0].model_copy(update={"limit": 1})
    bolder = guard.model_copy(update={"rules": (first, *guard.rules[1:])})
    assert false_kills_a_year(config, bolder, HEALTHY, stories=1500) > 1


def test_every_total_failure_is_decided_within_two_intervals() -> None:
    config, guard = shipped()
    waits = list(delays_s(config, guard, outages=60))
    assert len(waits) == 60
    assert max(waits) < 120
    assert statistics.median(waits) < 60
