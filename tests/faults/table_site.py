"""Scenarios in which the site, the probes or the flags are to blame, or nobody is."""

from __future__ import annotations

from daemon.guard import Phase
from probes.stage.faults import Fault
from tests.faults.acts import (
    FALLBACK_FLAG,
    OFF,
    ON,
    WIDGET_FLAG,
    Break,
    Delete,
    FreezeBrowsers,
    HarassBrowsers,
    KillWorkers,
    LockStore,
    Nothing,
    SpareBrowsers,
    StopPrometheus,
    StopStage,
    UnlockStore,
    Write,
)
from tests.faults.scenario import UNMOVED, Evidence, Kind, Moment, Must, Scenario
from tests.faults.table_widget import KILLED
from tests.faults.variants import Variant

DOWN = Must(Phase.SITE_DOWN)
#: Too few runs come in to say that the guard must be BLIND by then.
ANY = Must(phase=None)
BLIND = Must(Phase.BLIND, page=True)
#: Actors of which `probe-11`, the probes' own id, is one, and a share that leaves it out.
SHARE_WITH_US: tuple[tuple[str, str], ...] = (("percentage_of_actors", "60"),)
SHARE_WITHOUT_US: tuple[tuple[str, str], ...] = (("percentage_of_actors", "0.5"),)


def _site(
    name: str, broken: str, fault: Fault, widget: Must, assessment: Must, **more: object
) -> Scenario:
    moments = (Moment(Break(fault)),)
    return Scenario(name, Kind.SITE, broken, moments, widget, assessment, **more)


SITE_FAULTS = (
    _site("site-500", "everything answers 500", Fault.SITE_500, DOWN, DOWN, quick=True),
    _site("site-502", "everything answers 502", Fault.SITE_502, DOWN, DOWN),
    _site("site-hangs", "nothing ever answers", Fault.SITE_HANG, DOWN, DOWN, within_s=40),
    _site("site-resets", "every connection is reset", Fault.SITE_RESET, DOWN, DOWN),
    _site("page-blank", "every page is empty", Fault.PAGE_BLANK, DOWN, ANY),
    _site("maintenance", "a page says so", Fault.PAGE_WRONG_CONTENT, DOWN, ANY),
    _site("toggles-500", "the toggles answer 500", Fault.TOGGLES_500, BLIND, BLIND, quick=True),
    _site("toggles-garbage", "the toggles are no JSON", Fault.TOGGLES_GARBAGE, BLIND, BLIND),
    _site("toggles-lack-it", "one flag is not named", Fault.TOGGLES_MISSING_FLAG, BLIND, UNMOVED),
    _site("toggles-slow", "the toggles are late", Fault.TOGGLES_SLOW, UNMOVED, UNMOVED),
    _site("toggles-stale", "the toggles are old, and true", Fault.TOGGLES_STALE, UNMOVED, UNMOVED),
    Scenario(
        "site-refuses",
        Kind.SITE,
        "nobody listens at the target's address",
        (Moment(StopStage()),),
        DOWN,
        DOWN,
    ),
)

PROBE_FAULTS = (
    Scenario(
        "workers-killed",
        Kind.PROBE,
        "every worker dies, twice",
        (Moment(KillWorkers()), Moment(KillWorkers(), after_s=3)),
    ),
    Scenario(
        "browsers-killed",
        Kind.PROBE,
        "Chromium dies again and again for some seconds",
        (Moment(HarassBrowsers()), Moment(SpareBrowsers(), after_s=6)),
        within_s=60,
        quick=True,
    ),
    Scenario(
        "browsers-frozen",
        Kind.PROBE,
        "Chromium stands still for some seconds",
        (Moment(FreezeBrowsers()), Moment(SpareBrowsers(), after_s=7)),
        within_s=60,
    ),
    Scenario(
        "uplink-away",
        Kind.PROBE,
        "connections are reset, and the operator's own addresses do not answer either",
        (Moment(Break(Fault.SITE_RESET)),),
        BLIND,
        BLIND,
        variant=Variant.UPLINK,
        within_s=40,
    ),
    Scenario(
        "uplink-away-api-resets",
        Kind.PROBE,
        "the widget's API is reset, and the operator's own addresses do not answer either",
        (Moment(Break(Fault.API_RESET)),),
        UNMOVED,
        variant=Variant.UPLINK,
    ),
    Scenario(
        "prometheus-away",
        Kind.PROBE,
        "its API answers 500, and the Prometheus that would tell is gone",
        (Moment(StopPrometheus()), Moment(Break(Fault.API_500))),
        BLIND,
        variant=Variant.PROMQL,
        within_s=40,
    ),
    Scenario(
        "name-unknown",
        Kind.PROBE,
        "no name server knows the target",
        (Moment(Nothing()),),
        BLIND,
        BLIND,
        variant=Variant.NAMELESS,
        calm=False,
        runs=1,
        within_s=40,
    ),
    Scenario(
        "journey-raises",
        Kind.PROBE,
        "the journey's own code raises",
        (Moment(Nothing()),),
        BLIND,
        UNMOVED,
        variant=Variant.BAD_JOURNEY,
        calm=False,
        runs=1,
        within_s=40,
    ),
)

BUSINESS_ANSWERS = (
    Scenario(
        "business-401",
        Kind.BUSINESS,
        "the widget's API takes no session",
        (Moment(Break(Fault.API_401)),),
        quick=True,
    ),
    Scenario(
        "business-403",
        Kind.BUSINESS,
        "the widget's API forbids everybody",
        (Moment(Break(Fault.API_403)),),
    ),
    Scenario(
        "business-422",
        Kind.BUSINESS,
        "the widget's API answers 422",
        (Moment(Break(Fault.API_422)),),
    ),
    Scenario(
        "business-403-then-500",
        Kind.BUSINESS,
        "the widget's API forbids everybody, and then it breaks",
        (
            Moment(Break(Fault.API_403)),
            Moment(Break(Fault.API_500), after_s=4),
        ),
        KILLED,
        evidence=Evidence.HARD,
    ),
    Scenario(
        "business-401-beside-a-fault",
        Kind.BUSINESS,
        "the widget's API takes no session, and the assessment breaks",
        (Moment(Break(Fault.API_401)), Moment(Break(Fault.ASSESSMENT_API_500))),
        assessment=KILLED,
        evidence=Evidence.HARD,
    ),
)

FLAG_STATES = (
    Scenario(
        "flag-off",
        Kind.FLAG,
        "the API answers 500 while the flag is off",
        (Moment(Break(Fault.API_500)),),
        Must(Phase.HUMAN_OFF),
        flags={WIDGET_FLAG: OFF},
    ),
    Scenario(
        "share-with-us",
        Kind.FLAG,
        "the API answers 500 while the flag is on for a share that the probes are in",
        (Moment(Break(Fault.API_500)),),
        KILLED,
        evidence=Evidence.HARD,
        flags={WIDGET_FLAG: SHARE_WITH_US},
        quick=True,
    ),
    Scenario(
        "share-without-us",
        Kind.FLAG,
        "the API answers 500 while the flag is on for a share that the probes are not in",
        (Moment(Break(Fault.API_500)),),
        BLIND,
        flags={WIDGET_FLAG: SHARE_WITHOUT_US},
    ),
    Scenario(
        "only-us",
        Kind.FLAG,
        "the API answers 500 while the flag is on for the probes' own id alone",
        (Moment(Break(Fault.API_500)),),
        KILLED,
        evidence=Evidence.HARD,
        flags={WIDGET_FLAG: (("actors", "probe-11"),)},
    ),
    Scenario(
        "groups-only",
        Kind.FLAG,
        "the API answers 500 while the flag is on for a group that no probe is in",
        (Moment(Break(Fault.API_500)),),
        BLIND,
        flags={WIDGET_FLAG: (("groups", "staff"),)},
    ),
    Scenario(
        "fallback-on-already",
        Kind.FLAG,
        "the assessment breaks while its fallback is shown",
        (Moment(Break(Fault.ASSESSMENT_API_500)),),
        assessment=Must(Phase.HUMAN_OFF),
        flags={FALLBACK_FLAG: ON},
    ),
    Scenario(
        "flag-deleted",
        Kind.FLAG,
        "somebody deletes the flag while the API answers 500, and makes it anew",
        (
            Moment(Delete()),
            Moment(Break(Fault.API_500)),
            Moment(Write(ON), once=Phase.BLIND),
        ),
        Must(Phase.KILLED, kills=1, page=True, through=(Phase.BLIND,)),
        evidence=Evidence.HARD,
        within_s=45,
    ),
    Scenario(
        "store-locked",
        Kind.FLAG,
        "the flag cannot be written for some seconds",
        (
            Moment(LockStore()),
            Moment(Break(Fault.API_500)),
            Moment(UnlockStore(), once=Phase.KILL_FAILED),
        ),
        Must(Phase.KILLED, kills=1, page=True, through=(Phase.KILL_FAILED,)),
        evidence=Evidence.HARD,
        within_s=40,
    ),
    Scenario(
        "share-edited",
        Kind.FLAG,
        "somebody edits the share of a healthy widget",
        (Moment(Write(SHARE_WITH_US)),),
        Must(gates=SHARE_WITH_US),
    ),
)

NOT_THE_WIDGET = (*SITE_FAULTS, *PROBE_FAULTS, *BUSINESS_ANSWERS, *FLAG_STATES)
