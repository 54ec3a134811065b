"""Guards on their way back by a ramp: what their tests share."""

from __future__ import annotations

from typing import Any

from daemon.guard import Phase
from tests.daemon.story import Story

RAMP = {
    "actor": "probe-1",
    "percentages": [10, 50],
    "bake_s": 60,
    "passes": 3,
    "hold_off_s": 100,
    "hold_off_cap_s": 350,
}


def ramping(*rules: dict[str, Any], **changes: Any) -> Story:
    changes.setdefault("kills_per_day", 9)
    return Story(*rules, recovery="ramp", ramp=RAMP, **changes)


def at_step(step: int, *rules: dict[str, Any], **changes: Any) -> Story:
    """A guard whose flag was given back as far as this step, just written."""
    story = ramping(*rules, **changes).killed().time_passes(100).step_written()
    for _ in range(step):
        story.passes(3).time_passes(60).step_written()
    assert story.phase is Phase.PROBATION
    assert story.state.probation is not None
    assert story.state.probation.step == step
    return story


def kills(story: Story) -> int:
    return len([f for f in story.flips if not f.restore and f.step is None])
