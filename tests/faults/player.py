"""Plays one scenario and says what was seen."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from daemon.circuit import CircuitPhase
from daemon.guard import Phase
from daemon.guard.messages import Page, Rows
from daemon.verdict import Judgement, Verdict
from tests.faults.acts import Break
from tests.faults.reading import Reading, Told
from tests.faults.scenario import FLAG_OF, FLAGS, Evidence, Moment, Must, Scenario
from tests.faults.scene import Scene

POLL_S = 0.05
#: A guard that blames another has had the runs that a kill would have needed.
CONCLUDED = (Phase.SITE_DOWN, Phase.POWERLESS, Phase.KILLED, Phase.KILL_FAILED, Phase.LATCHED)


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one guard. `kill_s`: from the first fault to its first kill's proof."""

    phase: Phase
    passed: tuple[Phase, ...]
    kills: int
    first_kill_after_s: float | None
    kill_s: float | None
    gates: Rows | None
    pages: tuple[str, ...]
    circuit: CircuitPhase
    hard: bool


@dataclass(frozen=True, slots=True)
class Played:
    """One scenario as it happened; `wrong` says what did not come as it must, by guard."""

    scenario: Scenario
    seen: dict[str, Seen]
    wrong: tuple[str, ...]
    false_kills: int
    missed_kills: int
    took_s: float
    story: tuple[str, ...]

    @property
    def kill_s(self) -> float | None:
        """Seconds from the fault to the verified kill; of two guards the slower one's."""
        times = [
            self.seen[name].kill_s
            for name, must in self.scenario.musts.items()
            if must.kills and name in self.seen
        ]
        return max((each for each in times if each is not None), default=None)


def play(scene: Scene, scenario: Scenario) -> Played:
    """Play a scenario on a scene of its variant; returns as soon as all is as it must be.

    Raises:
        NotCalm: the scene was not healthy to begin with.
    """
    if scenario.calm:
        scene.calm(dict(FLAGS))
        scene.settle_flags(dict(scenario.flags))
    scene.reading.begin()
    began = last = datetime.now(UTC)
    faulty: datetime | None = None
    pending = list(scenario.moments)
    until = time.monotonic() + scenario.within_s
    while time.monotonic() < until:
        scene.reading.catch_up()
        if pending and _is_due(scene.reading, pending[0], last):
            act = pending.pop(0).act
            act.do(scene)
            last = datetime.now(UTC)
            if isinstance(act, Break) and faulty is None:
                faulty = last
            continue
        wrong = pending or _wrong(scene, scenario, began)
        waited = _unsettled(scene, scenario, last)
        if not wrong and not waited and _age_s(last) >= scenario.watch_s:
            break
        if scene.is_up and (scenario.hurries or not wrong):
            # Only what is still waited for: every other run would keep a worker from it.
            scene.hurry(sorted(waited | _open(scene, scenario, began)))
        time.sleep(POLL_S)
    wrong = [f"{len(pending)} acts were never due"] if pending else []
    wrong += _wrong(scene, scenario, began)
    if not wrong and (waited := _unsettled(scene, scenario, last)):
        wrong.append(f"too few runs of {', '.join(sorted(waited))} to believe it")
    seen = {name: _seen(scene, name, began, faulty) for name in scene.config.guards}
    wrong += _other_evidence(scenario, seen)
    if not scene.reading.is_true():
        wrong.append("folding the evidence anew gives another state than the committed one")
    return Played(
        scenario=scenario,
        seen=seen,
        wrong=tuple(wrong),
        false_kills=sum(max(0, seen[n].kills - m.kills) for n, m in scenario.musts.items()),
        missed_kills=sum(_missed(seen[n], m) for n, m in scenario.musts.items()),
        took_s=(datetime.now(UTC) - began).total_seconds(),
        story=_story(scene.reading) if wrong else (),
    )


def _is_due(reading: Reading, moment: Moment, last: datetime) -> bool:
    base = last
    if moment.once is not None:
        came = reading.came_into(moment.guard, moment.once, moment.nth)
        if came is None:
            return False
        base = max(last, came)
    return _age_s(base) >= moment.after_s


def _missed(seen: Seen, must: Must) -> int:
    unproven = must.kills > 0 and must.phase is Phase.KILLED and seen.phase is not Phase.KILLED
    return max(must.kills - seen.kills, 1 if unproven else 0, 0)


def _age_s(at: datetime) -> float:
    return (datetime.now(UTC) - at).total_seconds()


def _wrong(scene: Scene, scenario: Scenario, began: datetime) -> list[str]:
    return [
        f"{name}: {text}"
        for name, must in scenario.musts.items()
        for text in _wrong_of(scene, scenario, name, must, began)
    ]


def _open(scene: Scene, scenario: Scenario, began: datetime) -> set[str]:
    """Name the probes of the guards that are not yet as they must be."""
    return {
        probe
        for name, must in scenario.musts.items()
        if _wrong_of(scene, scenario, name, must, began)
        for probe in scene.config.guards[name].probes
    }


def _wrong_of(
    scene: Scene, scenario: Scenario, name: str, must: Must, began: datetime
) -> list[str]:
    seen = _seen(scene, name, began, None)
    wanted = scenario.gates_after(name)
    kill_s = seen.first_kill_after_s
    checks = (
        (must.phase not in (None, seen.phase), f"is {seen.phase}, must be {must.phase}"),
        (seen.kills != must.kills, f"{seen.kills} kills, must be {must.kills}"),
        (seen.gates != wanted, f"its flag is {seen.gates}, must be {wanted}"),
        (must.page and not seen.pages, "nobody was woken"),
        (
            must.circuit not in (None, seen.circuit),
            f"the circuit is {seen.circuit}, must be {must.circuit}",
        ),
        (
            kill_s is not None and kill_s < must.not_before_s,
            f"killed after {kill_s} s, not before {must.not_before_s:g} s",
        ),
        *((each not in seen.passed, f"never was {each}") for each in must.through),
    )
    return [text for holds, text in checks if holds]


def _unsettled(scene: Scene, scenario: Scenario, last: datetime) -> set[str]:
    """Name the probes of which too few runs have begun since, to believe that nothing follows."""
    began = [run.probe for run in scene.reading.runs(last)]
    return {
        probe
        for name, guard in scene.config.guards.items()
        for probe in guard.probes
        if scenario.musts[name].phase not in CONCLUDED and began.count(probe) < scenario.looks
        if probe not in scene.rare
    }


def _seen(scene: Scene, name: str, began: datetime, faulty: datetime | None) -> Seen:
    reading = scene.reading
    told = reading.told[name]
    kills = [each.at for each in told if each.kills]
    proven = [
        each.after.kill.verified_at
        for each in told
        if each.after.kill is not None and each.after.kill.verified_at is not None
    ]
    pages = tuple(d.text for each in told for d in each.decisions if isinstance(d, Page))
    return Seen(
        phase=reading.phase(name),
        passed=tuple(label for _, label in reading.passed[name]),
        kills=len(kills),
        first_kill_after_s=(kills[0] - began).total_seconds() if kills else None,
        kill_s=(proven[0] - faulty).total_seconds() if proven and faulty else None,
        gates=scene.target.gates(FLAG_OF[name]),
        pages=pages,
        circuit=reading.circuit("assessment"),
        hard=any(isinstance(e.evidence, Verdict) and e.evidence.run_hard for e in told),
    )


def _other_evidence(scenario: Scenario, seen: dict[str, Seen]) -> list[str]:
    """Say where the runs were hard though the table says soft, or the other way round."""
    hard = any(each.hard for each in seen.values())
    if scenario.evidence is Evidence.NONE or hard is (scenario.evidence is Evidence.HARD):
        return []
    return [f"the evidence is {'hard' if hard else 'soft'}, the table says {scenario.evidence}"]


def _story(reading: Reading) -> tuple[str, ...]:
    """Tell what moved each guard in lines, for whoever looks for the cause."""
    return tuple(
        f"{each.at:%H:%M:%S.%f}"[:-4] + f" {name} {each.phase}: {_words(each)}"
        for name, told in reading.told.items()
        for each in told
        if each.decisions or each.before.suspicion or not _is_well(each.evidence)
    )[-60:]


def _is_well(evidence: object) -> bool:
    return isinstance(evidence, Verdict) and evidence.judgement is Judgement.HEALTHY


def _words(told: Told) -> str:
    what = told.evidence
    if isinstance(what, Verdict):
        kind = "hard" if what.run_hard else "soft"
        text = f"{what.run_probe} {what.run_purpose} {what.run_outcome} {kind} {what.run_reason}"
    else:
        text = str(what)
    decided = [
        f"{type(each).__name__} {getattr(each, 'text', getattr(each, 'reason', ''))}"[:120]
        for each in told.decisions
    ]
    return f"{text[:200]} -> {'; '.join(decided)}" if decided else text[:200]
