"""Scenarios in which the flagged thing itself is broken."""

from __future__ import annotations

from daemon.circuit import CircuitPhase
from daemon.guard import Phase
from probes.stage.faults import Fault
from tests.faults.acts import ON, Break, Mend
from tests.faults.scenario import Evidence, Kind, Moment, Must, Scenario
from tests.faults.variants import Variant

KILLED = Must(Phase.KILLED, kills=1)
LADDER = Must(
    Phase.KILLED,
    kills=1,
    through=(Phase.SUSPECT, Phase.KILLING, Phase.KILLED_UNVERIFIED),
)
FELL_BACK = Must(Phase.KILLED, kills=1, circuit=CircuitPhase.OPEN)
POWERLESS = Must(Phase.POWERLESS, gates=ON, page=True)
SUSPECT = Must(Phase.SUSPECT)


def _breaks(*faults: Fault) -> tuple[Moment, ...]:
    return tuple(Moment(Break(fault)) for fault in faults)


def _killed(
    name: str, broken: str, fault: Fault, evidence: Evidence, must: Must = KILLED, **more: object
) -> Scenario:
    return Scenario(
        name, Kind.WIDGET, broken, _breaks(fault), widget=must, evidence=evidence, **more
    )


def _falls_back(name: str, broken: str, fault: Fault, evidence: Evidence) -> Scenario:
    return Scenario(
        name, Kind.WIDGET, broken, _breaks(fault), assessment=FELL_BACK, evidence=evidence
    )


HARD = (
    _killed("api-500", "its API answers 500", Fault.API_500, Evidence.HARD, LADDER, quick=True),
    _killed("api-hangs", "its API never answers", Fault.API_HANG, Evidence.SOFT),
    _killed("api-resets", "its API resets the connection", Fault.API_RESET, Evidence.SOFT),
    _killed("draw-throws", "it throws when it draws", Fault.DRAW_THROWS, Evidence.HARD),
    _killed("words-lost", "its headings are gone", Fault.WIDGET_WRONG_CONTENT, Evidence.HARD),
    _killed("wrong-person", "it shows somebody else", Fault.API_WRONG_PERSON, Evidence.HARD),
    _killed(
        "postgres-api-500",
        "its API answers 500, flags in PostgreSQL",
        Fault.API_500,
        Evidence.HARD,
        variant=Variant.POSTGRES,
    ),
    _falls_back(
        "assessment-500",
        "the assessment's API answers 500",
        Fault.ASSESSMENT_API_500,
        Evidence.HARD,
    ),
)

SOFT = (
    _killed("api-garbage", "its API answers a web page", Fault.API_GARBAGE, Evidence.SOFT),
    _falls_back(
        "assessment-stuck", "a button does nothing", Fault.ASSESSMENT_STEP_STUCK, Evidence.SOFT
    ),
    _falls_back(
        "assessment-loses-data", "answers are lost", Fault.ASSESSMENT_LOSES_DATA, Evidence.SOFT
    ),
    _killed(
        "users-met-500",
        "its API answers 500, as its own metrics in Prometheus tell of all users",
        Fault.API_500,
        Evidence.SOFT,
        variant=Variant.PROMQL,
        within_s=60,
    ),
    Scenario(
        "api-slow",
        Kind.WIDGET,
        "its API is slow, and a rule forbids that",
        (Moment(Break(Fault.API_SLOW, delay_s=2)),),
        KILLED,
        evidence=Evidence.SOFT,
        variant=Variant.SOFT,
        within_s=40,
    ),
    _killed(
        "draw-slow",
        "it keeps the page busy",
        Fault.DRAW_SLOW,
        Evidence.SOFT,
        variant=Variant.SOFT,
        within_s=40,
    ),
    _killed(
        "layout-shifts",
        "it pushes the page down",
        Fault.DRAW_SHIFTS,
        Evidence.SOFT,
        variant=Variant.SOFT,
        within_s=40,
    ),
    _killed(
        "image-unnamed",
        "its image has no name, which axe minds",
        Fault.DRAW_UNNAMED_IMAGE,
        Evidence.SOFT,
        variant=Variant.SOFT,
        within_s=40,
    ),
    _killed(
        "console-error",
        "it works but logs an error, and a rule forbids that",
        Fault.DRAW_LOGS_ERROR,
        Evidence.SOFT,
        variant=Variant.SOFT,
        within_s=40,
    ),
)

CHANCE = (
    Scenario(
        "api-97-percent",
        Kind.WIDGET,
        "its API answers 500 to 3 requests of 100, two of them in a row",
        _breaks(Fault.API_FLAKY),
        within_s=60,
        runs=12,
    ),
    Scenario(
        "api-50-percent",
        Kind.WIDGET,
        "its API answers 500 to half of all requests",
        _breaks(Fault.API_COIN),
        widget=KILLED,
        evidence=Evidence.HARD,
        within_s=60,
        hurry=False,
    ),
)

NO_CURE = (
    Scenario(
        "script-404",
        Kind.WIDGET,
        "its script is missing: no flag is ever asked",
        _breaks(Fault.SCRIPT_404),
        widget=POWERLESS,
        runs=1,
    ),
    Scenario(
        "script-throws",
        Kind.WIDGET,
        "its code throws before it asks the flag",
        _breaks(Fault.SCRIPT_THROWS),
        widget=POWERLESS,
        runs=1,
    ),
    Scenario(
        "ungated-and-broken",
        Kind.WIDGET,
        "it ignores the flag, as the real second version does, and its API answers 500",
        _breaks(Fault.WIDGET_UNGATED, Fault.API_500),
        widget=POWERLESS,
        runs=1,
    ),
    Scenario(
        "ungated-falls-back",
        Kind.WIDGET,
        "the same, and there is a fallback",
        _breaks(Fault.WIDGET_UNGATED, Fault.API_500),
        widget=Must(Phase.POWERLESS, gates=ON, page=True, circuit=CircuitPhase.OPEN),
        variant=Variant.STALE,
    ),
    Scenario(
        "fallback-broken-too",
        Kind.WIDGET,
        "the assessment is broken, and so is what would take its place: a kill would hurt",
        _breaks(Fault.ASSESSMENT_FALLBACK_BROKEN, Fault.ASSESSMENT_API_500),
        assessment=Must(Phase.SITE_DOWN),
    ),
)

HARMLESS = (
    Scenario(
        "slow-but-allowed",
        Kind.WIDGET,
        "its API is slow, and no rule forbids that",
        _breaks(Fault.API_SLOW),
    ),
    Scenario(
        "ungated-but-healthy",
        Kind.WIDGET,
        "it ignores the flag, and works",
        _breaks(Fault.WIDGET_UNGATED),
    ),
    Scenario(
        "only-the-fallback-broken",
        Kind.WIDGET,
        "what would take the assessment's place is broken, and nobody needs it",
        _breaks(Fault.ASSESSMENT_FALLBACK_BROKEN),
    ),
    Scenario(
        "one-unlucky-run",
        Kind.WIDGET,
        "its API answers 500 once",
        (Moment(Break(Fault.API_500)), Moment(Mend(), once=Phase.SUSPECT)),
        widget=Must(through=(Phase.SUSPECT,)),
    ),
    Scenario(
        "seen-at-one-location",
        Kind.WIDGET,
        "its API answers 500, which one of two locations sees, and both must",
        _breaks(Fault.API_500),
        widget=SUSPECT,
        variant=Variant.QUORUM,
    ),
    Scenario(
        "seen-at-both-locations",
        Kind.WIDGET,
        "it throws when it draws, which both of two locations see",
        _breaks(Fault.DRAW_THROWS),
        widget=KILLED,
        evidence=Evidence.HARD,
        variant=Variant.QUORUM,
        within_s=30,
    ),
    Scenario(
        "one-location-silent",
        Kind.WIDGET,
        "it throws when it draws, and one of two locations is not heard of",
        _breaks(Fault.DRAW_THROWS),
        widget=SUSPECT,
        variant=Variant.SILENT,
        hurry=False,
        watch_s=8,
    ),
    Scenario(
        "only-observed",
        Kind.WIDGET,
        "its API answers 500, and the guard may only look",
        _breaks(Fault.API_500),
        widget=Must(Phase.SUSPECT, through=(Phase.OBSERVE,)),
        variant=Variant.OBSERVE,
    ),
)

WIDGET_FAULTS = (*HARD, *SOFT, *CHANCE, *NO_CURE, *HARMLESS)
