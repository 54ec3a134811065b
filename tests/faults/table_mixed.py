"""Scenarios in which faults come and go, meet each other, or meet a recovery or a restart."""

from __future__ import annotations

from daemon.circuit import CircuitPhase
from daemon.guard import Phase
from probes.stage.faults import Fault
from tests.faults.acts import OFF, Ask, Break, KillDaemon, Mend, Nothing, StartDaemon, Write
from tests.faults.scenario import Evidence, Kind, Moment, Must, Scenario
from tests.faults.table_site import BLIND, DOWN
from tests.faults.table_widget import FELL_BACK, KILLED
from tests.faults.variants import Variant

BREAK = Moment(Break(Fault.API_500))
RESTART = Moment(StartDaemon(), after_s=0.5)


def _mixed(name: str, broken: str, moments: tuple[Moment, ...], **more: object) -> Scenario:
    return Scenario(name, Kind.MIXED, broken, moments, **more)


COMING_AND_GOING = (
    _mixed(
        "flapping",
        "the API breaks for 4 s of every 8",
        (
            BREAK,
            Moment(Mend(), after_s=4),
            Moment(Break(Fault.API_500), after_s=4),
            Moment(Mend(), after_s=4),
            Moment(Break(Fault.API_500), after_s=4),
        ),
        widget=KILLED,
        evidence=Evidence.HARD,
        within_s=40,
        hurry=False,
    ),
    _mixed(
        "two-at-once",
        "the widget and the assessment break together",
        (BREAK, Moment(Break(Fault.ASSESSMENT_API_500))),
        widget=KILLED,
        assessment=FELL_BACK,
        evidence=Evidence.HARD,
        quick=True,
    ),
    _mixed(
        "site-and-widget",
        "the site breaks, and the widget with it",
        (BREAK, Moment(Break(Fault.SITE_500))),
        widget=DOWN,
        assessment=DOWN,
    ),
    _mixed(
        "site-mended-widget-not",
        "the site is mended, and the widget is still broken",
        (BREAK, Moment(Break(Fault.SITE_500)), Moment(Mend(Fault.SITE_500), once=Phase.SITE_DOWN)),
        widget=Must(Phase.KILLED, kills=1, through=(Phase.SITE_DOWN,)),
        evidence=Evidence.HARD,
        within_s=40,
    ),
    _mixed(
        "toggles-and-widget",
        "the toggles break, and the widget's API with them: nobody meets it",
        (BREAK, Moment(Break(Fault.TOGGLES_500))),
        widget=BLIND,
        assessment=BLIND,
    ),
    _mixed(
        "toggles-mended-widget-not",
        "the toggles are mended, and the widget is still broken",
        (
            BREAK,
            Moment(Break(Fault.TOGGLES_500)),
            Moment(Mend(Fault.TOGGLES_500), once=Phase.BLIND),
        ),
        widget=Must(Phase.KILLED, kills=1, through=(Phase.BLIND,)),
        evidence=Evidence.HARD,
        within_s=40,
    ),
    _mixed(
        "hard-and-slow-toggles",
        "the API answers 500, and the toggles are late",
        (BREAK, Moment(Break(Fault.TOGGLES_SLOW, delay_s=1))),
        widget=KILLED,
        evidence=Evidence.HARD,
    ),
)

DEPLOYS = (
    _mixed(
        "deploy",
        "a build goes out: 2.5 s of 502, and then all is well",
        (Moment(Break(Fault.SITE_502)), Moment(Mend(), after_s=2.5)),
        quick=True,
    ),
    _mixed(
        "deploy-leaves-it-broken",
        "a build goes out: 2.5 s of 502, and then the widget throws",
        (
            Moment(Break(Fault.SITE_502)),
            Moment(Mend(), after_s=2.5),
            Moment(Break(Fault.DRAW_THROWS)),
        ),
        widget=KILLED,
        evidence=Evidence.HARD,
        within_s=30,
    ),
)

RESTARTS = (
    _mixed(
        "killed-while-suspect",
        "the daemon is killed while it suspects",
        (BREAK, Moment(KillDaemon(), once=Phase.SUSPECT), RESTART),
        widget=KILLED,
        evidence=Evidence.HARD,
        within_s=30,
    ),
    _mixed(
        "killed-while-killing",
        "the daemon is killed between the decision and its proof",
        (BREAK, Moment(KillDaemon(), once=Phase.KILLING), RESTART),
        widget=KILLED,
        evidence=Evidence.HARD,
        within_s=30,
    ),
    _mixed(
        "killed-once-killed",
        "the daemon is killed after the proof",
        (BREAK, Moment(KillDaemon(), once=Phase.KILLED), RESTART),
        widget=KILLED,
        evidence=Evidence.HARD,
        watch_s=4,
        runs=0,
    ),
    _mixed(
        "restarted-while-healthy",
        "the daemon is killed while all is well",
        (Moment(KillDaemon()), RESTART),
    ),
    _mixed(
        "deploy-during-a-restart",
        "the daemon is killed and the site answers 502 while it comes back",
        (
            Moment(KillDaemon()),
            Moment(Break(Fault.SITE_502)),
            RESTART,
            Moment(Mend(), after_s=2),
        ),
    ),
)

RECOVERIES = (
    _mixed(
        "ramp",
        "the API is mended after the kill, and exposure comes back by itself",
        (BREAK, Moment(Mend(), once=Phase.KILLED)),
        widget=Must(kills=1, through=(Phase.KILLED, Phase.PROBATION)),
        evidence=Evidence.HARD,
        variant=Variant.RAMP,
        within_s=45,
    ),
    _mixed(
        "ramp-fails",
        "the API is still broken when exposure comes back, and mended after the second kill",
        (BREAK, Moment(Mend(), once=Phase.KILLED, nth=2)),
        widget=Must(kills=2, through=(Phase.KILLED, Phase.PROBATION)),
        evidence=Evidence.HARD,
        variant=Variant.RAMP,
        within_s=60,
    ),
    _mixed(
        "deploy-during-a-ramp",
        "a build goes out while exposure comes back",
        (
            BREAK,
            Moment(Mend(), once=Phase.KILLED),
            Moment(Break(Fault.SITE_502), once=Phase.PROBATION),
            Moment(Mend(), after_s=2.5),
        ),
        widget=Must(kills=1, through=(Phase.PROBATION,)),
        evidence=Evidence.HARD,
        variant=Variant.RAMP,
        within_s=60,
    ),
    _mixed(
        "turned-off-during-a-ramp",
        "somebody turns the flag off while exposure comes back",
        (
            BREAK,
            Moment(Mend(), once=Phase.KILLED),
            Moment(Write(OFF), once=Phase.PROBATION, after_s=1),
        ),
        widget=Must(Phase.HUMAN_OFF, kills=1, gates=OFF, through=(Phase.PROBATION,)),
        evidence=Evidence.HARD,
        variant=Variant.RAMP,
        within_s=40,
        watch_s=4,
    ),
    _mixed(
        "killed-during-a-ramp",
        "the daemon is killed while exposure comes back",
        (
            BREAK,
            Moment(Mend(), once=Phase.KILLED),
            Moment(KillDaemon(), once=Phase.PROBATION),
            RESTART,
        ),
        widget=Must(kills=1, through=(Phase.PROBATION,)),
        evidence=Evidence.HARD,
        variant=Variant.RAMP,
        within_s=60,
    ),
)

IN_VAIN = (
    _mixed(
        "kill-does-not-arrive",
        "the API answers 500, and the toggles go on saying what they said",
        (Moment(Break(Fault.TOGGLES_STALE)), BREAK),
        widget=Must(Phase.KILL_FAILED, kills=1, page=True, circuit=CircuitPhase.OPEN),
        evidence=Evidence.HARD,
        variant=Variant.STALE,
        within_s=30,
    ),
    _mixed(
        "kill-arrives-late",
        "the same, and the toggles are mended after the budget is spent",
        (
            Moment(Break(Fault.TOGGLES_STALE)),
            BREAK,
            Moment(Mend(Fault.TOGGLES_STALE), once=Phase.KILL_FAILED),
        ),
        widget=Must(Phase.KILLED, kills=1, page=True, through=(Phase.KILL_FAILED,)),
        evidence=Evidence.HARD,
        variant=Variant.STALE,
        within_s=45,
    ),
    _mixed(
        "kill-fails-twice",
        "two kills do not arrive: a person must look",
        (
            Moment(Break(Fault.TOGGLES_STALE)),
            BREAK,
            Moment(Ask("reset"), once=Phase.KILL_FAILED),
            Moment(Mend(Fault.TOGGLES_STALE), once=Phase.KILL_FAILED, nth=2),
        ),
        widget=Must(Phase.LATCHED, kills=2, gates=OFF, page=True, through=(Phase.KILL_FAILED,)),
        evidence=Evidence.HARD,
        variant=Variant.STALE,
        within_s=60,
    ),
    _mixed(
        "budget-spent",
        "the API breaks again after the one kill that a day allows",
        (BREAK, Moment(Ask("reset"), once=Phase.KILLED)),
        widget=Must(Phase.LATCHED, kills=1, page=True, through=(Phase.KILLED,)),
        evidence=Evidence.HARD,
        variant=Variant.BUDGET,
        within_s=30,
    ),
    _mixed(
        "budget-given-anew",
        "a person looks and resets, and the fault is still there",
        (
            BREAK,
            Moment(Ask("reset"), once=Phase.KILLED),
            Moment(Ask("reset"), once=Phase.LATCHED),
            Moment(Nothing()),
        ),
        widget=Must(Phase.KILLED, kills=2, page=True, through=(Phase.LATCHED,)),
        evidence=Evidence.HARD,
        variant=Variant.BUDGET,
        within_s=45,
    ),
)

MIXED = (*COMING_AND_GOING, *DEPLOYS, *RESTARTS, *RECOVERIES, *IN_VAIN)
