"""Scenarios in which people act."""

from __future__ import annotations

from daemon.circuit import CircuitPhase
from daemon.guard import Phase
from probes.stage.faults import Fault
from tests.faults.acts import OFF, ON, WIDGET_FLAG, Ask, Break, Mend, Turn, Write
from tests.faults.scenario import Evidence, Kind, Moment, Must, Scenario
from tests.faults.table_site import SHARE_WITH_US
from tests.faults.variants import Variant

BREAK = Moment(Break(Fault.API_500))

HUMAN_ACTS = (
    Scenario(
        "held",
        Kind.HUMAN,
        "the API answers 500 while an operator holds the guard",
        (Moment(Ask("hold")), BREAK),
        Must(Phase.HELD),
        quick=True,
    ),
    Scenario(
        "hold-expires",
        Kind.HUMAN,
        "an operator's hold runs out while the API answers 500",
        (Moment(Ask("hold", for_s=6)), BREAK),
        Must(Phase.KILLED, kills=1, through=(Phase.HELD,), not_before_s=6),
        evidence=Evidence.HARD,
    ),
    Scenario(
        "hold-released",
        Kind.HUMAN,
        "an operator releases the guard while the API answers 500",
        (Moment(Ask("hold")), BREAK, Moment(Ask("release"), after_s=4)),
        Must(Phase.KILLED, kills=1, through=(Phase.HELD,), not_before_s=4),
        evidence=Evidence.HARD,
    ),
    Scenario(
        "turned-off-past-us",
        Kind.HUMAN,
        "somebody turns the flag off, and then the API breaks",
        (Moment(Write(OFF)), BREAK),
        Must(Phase.HUMAN_OFF, gates=OFF),
    ),
    Scenario(
        "turned-off-through-us",
        Kind.HUMAN,
        "an operator turns the flag off while the guard suspects",
        (BREAK, Moment(Turn(on=False), once=Phase.SUSPECT)),
        Must(Phase.HUMAN_OFF, gates=OFF, through=(Phase.SUSPECT,)),
        evidence=Evidence.HARD,
    ),
    Scenario(
        "turned-on-after-the-kill",
        Kind.HUMAN,
        "somebody turns the flag on again after the kill, and nobody fights them",
        (BREAK, Moment(Write(ON), once=Phase.KILLED)),
        Must(Phase.HUMAN_ON, kills=1, gates=ON, through=(Phase.KILLED,)),
        evidence=Evidence.HARD,
        variant=Variant.PEOPLE,
        watch_s=6,
        runs=1,
    ),
    Scenario(
        "hands-off-runs-out",
        Kind.HUMAN,
        "the same, and the time for which we keep our hands off runs out",
        (BREAK, Moment(Write(ON), once=Phase.KILLED)),
        Must(Phase.KILLED, kills=2, through=(Phase.KILLED, Phase.HUMAN_ON)),
        evidence=Evidence.HARD,
        within_s=40,
    ),
    Scenario(
        "share-given-after-the-kill",
        Kind.HUMAN,
        "somebody turns the flag on for a share after the kill",
        (BREAK, Moment(Mend(), once=Phase.KILLED), Moment(Write(SHARE_WITH_US))),
        Must(gates=SHARE_WITH_US, kills=1, through=(Phase.KILLED, Phase.HUMAN_ON)),
        evidence=Evidence.HARD,
        within_s=30,
    ),
    Scenario(
        "tripped-by-hand",
        Kind.HUMAN,
        "an operator trips the guard of a healthy widget",
        (Moment(Ask("trip")),),
        Must(Phase.KILLED),
    ),
    Scenario(
        "tripped-and-reset",
        Kind.HUMAN,
        "an operator trips a guard whose flag is on for a share, and resets it",
        (Moment(Ask("trip")), Moment(Ask("reset"), once=Phase.KILLED)),
        Must(gates=SHARE_WITH_US, through=(Phase.KILLED,)),
        flags={WIDGET_FLAG: SHARE_WITH_US},
    ),
    Scenario(
        "reset-too-early",
        Kind.HUMAN,
        "an operator resets while the API still answers 500",
        (BREAK, Moment(Ask("reset"), once=Phase.KILLED)),
        Must(Phase.KILLED, kills=2),
        evidence=Evidence.HARD,
        within_s=30,
    ),
    Scenario(
        "reset-once-mended",
        Kind.HUMAN,
        "an operator mends the API and resets",
        (BREAK, Moment(Mend(), once=Phase.KILLED), Moment(Ask("reset"))),
        Must(kills=1, gates=ON, through=(Phase.KILLED,)),
        evidence=Evidence.HARD,
        quick=True,
    ),
    Scenario(
        "held-and-powerless",
        Kind.HUMAN,
        "the script is missing while an operator holds the guard: people are told, no more",
        (Moment(Ask("hold")), Moment(Break(Fault.SCRIPT_404))),
        Must(Phase.HELD, page=True),
        runs=1,
    ),
    Scenario(
        "powerless-until-the-hold-ends",
        Kind.HUMAN,
        "it ignores the flag and its API answers 500: the fallback waits for the hold to run out",
        (Moment(Ask("hold", for_s=9)), Moment(Break(Fault.WIDGET_UNGATED)), BREAK),
        Must(
            Phase.POWERLESS,
            gates=ON,
            page=True,
            circuit=CircuitPhase.OPEN,
            through=(Phase.HELD,),
        ),
        variant=Variant.STALE,
    ),
)
