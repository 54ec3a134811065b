"""Stories that hypothesis tells: anything that can happen to a guard, in any order."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from daemon.guard import Decision, Evidence, GuardRefuses, GuardState
from daemon.guard.messages import Flip, FlipApplied, FlipFailed
from daemon.verdict import ControlFinding, ControlRan
from probes.model import Run
from tests.daemon.build import FLAG
from tests.daemon.story import Story

LIMIT = 2
RULE = {"rule": "consecutive_failures", "limit": LIMIT}
FALLBACK = {"flag": "plain_page", "circuit": "search"}
RAMP = {"actor": "me", "percentages": [50], "bake_s": 5, "passes": 1, "hold_off_s": 10}
Action = tuple[str, Any]


@dataclass(frozen=True)
class Telling:
    """One call of `advance`: what went in and what came out.

    `runs`: that came in since the flag's last change. `control`: the last one that measured.
    """

    before: GuardState
    evidence: Evidence
    now: datetime
    after: GuardState
    decisions: tuple[Decision, ...]
    runs: tuple[Run, ...]
    control: ControlRan | None

    @property
    def flips(self) -> list[Flip]:
        return [decision for decision in self.decisions if isinstance(decision, Flip)]

    @property
    def acts(self) -> list[Flip]:
        """Flips of the guard's own by which it takes the flagged thing away."""
        return [f for f in self.flips if f.by == "guard" and f.flag == FLAG and not raises(f)]


def raises(flip: Flip) -> bool:
    """Say whether a flip lets users meet the flagged thing."""
    return flip.restore or flip.step is not None


class Recorded(Story):
    """A story that keeps every telling, and the flips that the store still owes."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(RULE, **changes)
        self.tellings: list[Telling] = []
        self.measured: ControlRan | None = None
        self.owed: dict[str, Flip] = {}
        self.overtaken: Flip | None = None

    def tell(self, evidence: Evidence) -> Story:
        before = self.state
        story = super().tell(evidence)
        if isinstance(evidence, ControlRan) and evidence.finding is not ControlFinding.UNKNOWN:
            self.measured = evidence
        for decision in self.last:
            if isinstance(decision, Flip):
                self.overtaken = self.owed.pop(decision.flag, None) or self.overtaken
                self.owed[decision.flag] = decision
        runs = tuple(self.runs)
        self.tellings.append(
            Telling(before, evidence, self.now, self.state, self.last, runs, self.measured)
        )
        return story

    def settle(self, how: str) -> None:
        """The store takes what it owes, or refuses it; or took a flip just as it was overtaken."""
        flips = list(self.owed.values())
        if how == "late":
            flips, self.overtaken = [self.overtaken] if self.overtaken else [], None
        for flip in flips:
            self.wait(1)
            if how == "refused":
                self.tell(
                    FlipFailed(flip.to, flip.restore, "no store", 1, flip.fallback, flip.step)
                )
            else:
                if how == "taken":
                    self.owed.pop(flip.flag, None)
                self.tell(FlipApplied(flip.to, flip.restore, flip.fallback, flip.step))


def one(action: Action, story: Recorded) -> None:
    """Let one thing happen."""
    what, how = action
    with suppress(GuardRefuses):
        match what:
            case "run":
                pattern, exposed, location, hard = how
                # "True" means exposed: a fallback guard's users are, while its flag is off.
                value = exposed if exposed is None else exposed is not story.spec.acts_to
                story.runs_in(pattern, exposed=value, location=location, hard=hard)
            case "control":
                story.control(how)
            case "proof":
                story.proof(how)
            case "store":
                story.settle(how)
            case "flag":
                if how[1]:
                    story.owed.pop(FLAG, None)
                story.flag_is(how[0], decided=how[1])
            case "operator":
                story.operator(how[0], until_s=how[1] if how[0] == "hold" else None)
            case "time":
                story.time_passes(how)


def told(actions: list[Action], how: dict[str, Any]) -> Recorded:
    story = Recorded(**how)
    for action in actions:
        one(action, story)
    return story


def run_of(outcomes: str, exposed: list[bool | None]) -> st.SearchStrategy[Action]:
    return st.tuples(
        st.just("run"),
        st.tuples(
            st.sampled_from(outcomes),
            st.sampled_from(exposed),
            st.sampled_from("aaab"),
            st.booleans(),
        ),
    )


runs = run_of("FFFFPES", [True, True, True, False, None])
controls = st.tuples(
    st.just("control"), st.sampled_from(["passes", "passes", "fails", "powerless", "unknown"])
)
own = runs | controls
anything = st.one_of(
    runs,
    runs,
    runs,
    controls,
    controls,
    st.tuples(st.just("proof"), st.booleans()),
    st.tuples(st.just("store"), st.sampled_from(["taken", "taken", "taken", "refused", "late"])),
    st.tuples(st.just("flag"), st.tuples(st.booleans(), st.sampled_from([False, False, True]))),
    st.tuples(
        st.just("operator"),
        st.tuples(
            st.sampled_from(["trip", "reset", "reset", "hold", "release"]),
            st.sampled_from([None, 5]),
        ),
    ),
    st.tuples(st.just("time"), st.sampled_from([0, 1, 6, 20, 40, 700, 50_000])),
)

#: A guard's own life, so that stories get past their first trip.
F: Action = ("run", ("F", True, "a", True))
P: Action = ("run", ("P", True, "a", False))
taken: Action = ("store", "taken")
failing: list[Action] = [F] * LIMIT
kill: list[Action] = [*failing, ("control", "passes"), F, F, F]
proven: list[Action] = [taken, ("proof", True)]
life: list[Action] = [*kill, *proven, ("operator", ("reset", None)), taken]
ramp: list[Action] = [("time", 20), taken, P, ("time", 6), taken]
climb: list[Action] = [*kill, *proven, *ramp, P, ("time", 6), taken]
fall: list[Action] = [*kill, *proven, *ramp, F, ("control", "passes"), F]
site: list[Action] = [*failing, ("control", "fails"), *failing, ("control", "passes"), *failing]
powerless: list[Action] = [*failing, ("control", "powerless"), *failing]
refused: list[Action] = [*kill, ("store", "refused")]
blind: list[Action] = [("run", ("E", None, "a", False))] * 4
stories = st.lists(
    st.lists(anything, max_size=6)
    | st.sampled_from(
        [life, life[:7], climb, climb[:-3], fall, fall, site, powerless, refused, blind]
    ),
    max_size=8,
).map(lambda parts: [action for part in parts for action in part])
#: Runs and controls only.
own_stories = st.lists(
    st.lists(own, max_size=6) | st.sampled_from([kill, kill[:-1], site, powerless]), max_size=4
).map(lambda parts: [action for part in parts for action in part])
changes = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["enforce", "enforce", "enforce", "observe"]),
        "act": st.sampled_from(["disable_flag", "disable_flag", "fallback"]),
        "confirmations": st.integers(2, 3),
        "hard_confirmations": st.integers(1, 2),
        "quorum": st.sampled_from([1, 1, 1, 2]),
        "clear_passes": st.integers(1, 3),
        "blind_after": st.integers(2, 4),
        "kills_per_day": st.integers(1, 3),
        "human_on_s": st.sampled_from([10, 3600]),
        "fallback": st.sampled_from([None, FALLBACK]),
        "recovery": st.sampled_from(["manual", "ramp", "ramp"]),
        "ramp": st.just(RAMP),
    }
)
