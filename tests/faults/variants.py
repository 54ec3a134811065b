"""Configurations of the daemon, each made from the demo's by a small change."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from daemon.demo import DEMO

WIDGET = "representative_status"
FALLBACK = "representative_fallback_enabled"
#: Nobody listens on the discard port of a loopback.
AWAY = "http://127.0.0.1:9"


class Variant(StrEnum):
    """Name of a configuration."""

    DEMO = "demo"
    LEAN = "lean"
    OBSERVE = "observe"
    SOFT = "soft"
    PEOPLE = "people"
    RAMP = "ramp"
    BUDGET = "budget"
    STALE = "stale"
    QUORUM = "quorum"
    SILENT = "silent"
    UPLINK = "uplink"
    NAMELESS = "nameless"
    BAD_JOURNEY = "bad_journey"
    POSTGRES = "postgres"
    PROMQL = "promql"

    @property
    def remembers(self) -> bool:
        """True where a guard's kills of 24 h change what it does: each scenario begins anew."""
        return self in (Variant.RAMP, Variant.BUDGET, Variant.STALE)


def config_of(variant: Variant, folder: Path) -> Path:
    """Write a variant's configuration into a folder and return its path."""
    raw: dict[str, Any] = yaml.safe_load(DEMO.read_text())
    for guard in raw["guards"].values():
        guard["human_on_s"] = 3  # so that a scenario's own writes are soon forgotten
    if variant not in (Variant.DEMO, Variant.POSTGRES):
        _lean(raw)
    if variant in _CHANGES:
        _CHANGES[variant](raw)
    path = folder / f"{variant}.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    if variant is Variant.BAD_JOURNEY:
        journeys = folder / "journeys"
        journeys.mkdir()
        (journeys / "bad.py").write_text(_BAD_JOURNEY)
    return path


_BAD_JOURNEY = """\
from probes.journey import Page, Visit, journey, step


@journey("bad")
def bad(page: Page, visit: Visit) -> None:
    with step("open the page"):
        page.goto(visit.url("/get-help-from-accredited-representative/"))
    with step("count"):
        int("a widget")
"""


def _lean(raw: dict[str, Any]) -> None:
    """Two kinds of users in place of four: enough where no time is measured, and twice as quick."""
    raw["guards"][WIDGET]["probes"] = ["widget_signed_out", "widget_representative"]
    for probe in ("widget_organization", "widget_no_representative"):
        del raw["probes"][probe]


def _observe(raw: dict[str, Any]) -> None:
    raw["guards"][WIDGET]["mode"] = "observe"


def _soft(raw: dict[str, Any]) -> None:
    raw["guards"][WIDGET]["rules"] += [
        {"rule": "step_duration", "step": "widget settles", "limit_s": 1.5, "runs": 2},
        {"rule": "vital", "vital": "tbt_s", "limit": 1.2, "runs": 2},
        {"rule": "vital", "vital": "cls", "limit": 0.25, "runs": 2},
        {"rule": "console_errors", "runs": 2},
        {"rule": "accessibility", "impact": "serious", "runs": 2},
    ]
    raw["probes"]["widget_representative"]["accessibility"] = True


def _people(raw: dict[str, Any]) -> None:
    raw["guards"][WIDGET]["human_on_s"] = 9


def _ramp(raw: dict[str, Any]) -> None:
    ramp = {"percentages": [50], "bake_s": 1, "passes": 2, "hold_off_s": 1}
    raw["guards"][WIDGET] |= {"recovery": "ramp", "ramp": ramp}


def _budget(raw: dict[str, Any]) -> None:
    raw["guards"][WIDGET]["kills_per_day"] = 1


def _stale(raw: dict[str, Any]) -> None:
    fallback = {"flag": FALLBACK, "circuit": "assessment"}
    raw["guards"][WIDGET] |= {"propagation": {"budget_s": 2}, "fallback": fallback}


def _quorum(raw: dict[str, Any]) -> None:
    """One location looks as a signed-in user, the other as a signed-out one."""
    raw["pools"] = {"west": {"workers": 2}, "east": {"workers": 1}}
    for probe in raw["probes"].values():
        probe["locations"] = ["west"]
    raw["probes"]["widget_signed_out"]["locations"] = ["east"]
    raw["guards"][WIDGET]["quorum"] = 2


def _silent(raw: dict[str, Any]) -> None:
    """One of two locations is heard of once, and then no more."""
    _quorum(raw)
    raw["probes"]["widget_signed_out"] |= {"interval_s": 500, "fast_interval_s": 500}


def _uplink(raw: dict[str, Any]) -> None:
    raw["uplink"] = {"urls": [AWAY], "timeout_s": 0.5}


def _nameless(raw: dict[str, Any]) -> None:
    """The target's name is one that no name server knows."""
    raw["targets"]["stage"]["base_url"] = "http://stage.invalid"


def _bad_journey(raw: dict[str, Any]) -> None:
    raw["journeys_folder"] = "${TRIPFLAG_STATE_DIR}/journeys"
    for name in raw["guards"][WIDGET]["probes"]:
        raw["probes"][name] |= {"journey": "bad", "params": {}}


def _postgres(raw: dict[str, Any]) -> None:
    raw["store"]["url"] = "${TRIPFLAG_FLAGS_URL}"


def _promql(raw: dict[str, Any]) -> None:
    """The guard goes by what a backend's own metrics say of all users, and by nothing else."""
    answers = 'stage_responses_total{route="/representation_management/v0/power_of_attorney"'
    failed, all_of_them = (f"increase({answers}{more}}}[8s])" for more in (',status=~"5.."', ""))
    raw["targets"]["prometheus"] = {"base_url": "${TRIPFLAG_PROMETHEUS_URL:-" + AWAY + "}"}
    raw["probes"]["widget_errors"] = {
        "kind": "promql",
        "target": "prometheus",
        "query": f"sum({failed}) / sum({all_of_them})",
        "interval_s": 5,
        "fast_interval_s": 1,
        "timeout_s": 4.5,
    }
    guard = raw["guards"][WIDGET]
    del guard["drill"]  # it plants faults into browsers
    guard["probes"] = ["widget_errors"]
    guard["rules"] = [{"rule": "promql", "limit": 0.5, "runs": 2, "attributable": True}]


_CHANGES: dict[Variant, Callable[[dict[str, Any]], None]] = {
    Variant.OBSERVE: _observe,
    Variant.SOFT: _soft,
    Variant.PEOPLE: _people,
    Variant.RAMP: _ramp,
    Variant.BUDGET: _budget,
    Variant.STALE: _stale,
    Variant.QUORUM: _quorum,
    Variant.SILENT: _silent,
    Variant.UPLINK: _uplink,
    Variant.NAMELESS: _nameless,
    Variant.BAD_JOURNEY: _bad_journey,
    Variant.POSTGRES: _postgres,
    Variant.PROMQL: _promql,
}
