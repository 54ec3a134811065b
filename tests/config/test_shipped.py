"""What is shipped loads, fits the schema that editors get, and its alerts fire when they should."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import config as package
from config.load import json_schema, load
from config.schema import (
    CircuitSpec,
    Config,
    ConsoleErrors,
    DrillSpec,
    Fallback,
    GuardSpec,
    JourneyProbe,
    ProbeSpec,
    Propagation,
    Ramp,
    RuleSpec,
)
from config.shape import Model, file_keys, models, tag
from probes.stage.people import PEOPLE

FOLDER = Path(package.__file__).parent
PROMETHEUS = FOLDER / "prometheus"


@pytest.fixture
def demo() -> Config:
    return load(FOLDER / "demo.yaml", {})


@pytest.fixture
def production(tmp_path: Path) -> Config:
    (tmp_path / "operator_token").write_text("s3cr3t\n")
    (tmp_path / "admin_token").write_text("s3cr3ts\n")
    env = {
        "TRIPFLAG_SECRETS_DIR": str(tmp_path),
        "TRIPFLAG_STORE_PASSWORD": "pw",
        "TRIPFLAG_VIEWER_TOKEN": "look",
    }
    return load(FOLDER / "tripflag.yaml", env)


def test_the_demo_enforces_both_guards_on_the_stage(demo: Config) -> None:
    assert demo.targets["stage"].base_url == "http://127.0.0.1:8701"
    assert demo.targets["stage"].cookies == {"FLIPPER_ID": "probe-11"}
    assert demo.store.url == "sqlite:////var/lib/tripflag/flags.sqlite"
    widget, assessment = demo.guards["representative_status"], demo.guards["assessment"]
    assert (widget.flag, widget.acts_to) == ("representative_status_enabled", False)
    assert (assessment.flag, assessment.acts_to) == ("assessment_fallback_enabled", True)
    assert {guard.mode for guard in demo.guards.values()} == {"enforce"}


def test_the_demo_follows_its_environment(tmp_path: Path) -> None:
    config = load(
        FOLDER / "demo.yaml",
        {
            "TRIPFLAG_STAGE_URL": "http://127.0.0.1:4321",
            "TRIPFLAG_STATE_DIR": str(tmp_path),
            "TRIPFLAG_INTERVAL_S": "2",
            "TRIPFLAG_TIMEOUT_S": "1.5",
            "TRIPFLAG_WEB_PORT": "0",
        },
    )
    assert config.targets["stage"].base_url == "http://127.0.0.1:4321"
    assert config.journal.path == tmp_path / "journal.sqlite"
    assert config.store.url == f"sqlite:///{tmp_path}/flags.sqlite"
    assert config.web.port == 0
    assert {probe.interval_s for probe in config.probes.values()} == {2, None}
    assert {probe.timeout_s for probe in config.probes.values()} == {1.5}


def test_the_demo_expects_the_stages_own_people(demo: Config) -> None:
    for kind in ("representative", "organization"):
        probe = demo.probes[f"widget_{kind}"]
        person = PEOPLE[probe.cookies["stage_user"]]
        assert probe.params["name"] == person.power_of_attorney["attributes"]["name"]
    signed_in = demo.probes["widget_no_representative"].cookies["stage_user"]
    assert PEOPLE[signed_in].power_of_attorney == {}


def test_the_production_example_watches_staging_and_writes_no_flag(production: Config) -> None:
    assert production.targets["staging"].base_url == "https://staging.va.gov"
    assert production.targets["staging"].api == "https://staging-api.va.gov"
    assert {guard.mode for guard in production.guards.values()} == {"observe"}
    assert production.web.tokens.operator is not None
    assert production.web.tokens.operator.get_secret_value() == "s3cr3t"


def test_the_production_example_shows_every_section() -> None:
    shown = YAML(typ="safe").load(FOLDER / "tripflag.yaml")
    assert set(shown) == set(Config.model_fields)


@pytest.mark.parametrize(
    ("union", "key", "section"),
    [(RuleSpec, "rule", "rules"), (ProbeSpec, "kind", "probes")],
    ids=["rules", "probes"],
)
def test_the_production_example_shows_every_kind(
    union: object, key: str, section: str, production: Config
) -> None:
    shown = {
        "rules": production.guards["representative_status"].rules,
        "probes": production.probes.values(),
    }[section]
    assert {getattr(thing, key) for thing in shown} == {tag(m, key) for m in models(union)}


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("guards.representative_status", GuardSpec),
        ("guards.representative_status.propagation", Propagation),
        ("guards.representative_status.fallback", Fallback),
        ("guards.representative_status.ramp", Ramp),
        ("guards.representative_status.drill", DrillSpec),
        ("circuits.power_of_attorney", CircuitSpec),
    ],
)
def test_the_production_example_shows_every_key_of_a_guard_and_a_circuit(
    path: str, model: Model
) -> None:
    shown = YAML(typ="safe").load(FOLDER / "tripflag.yaml")
    for part in path.split("."):
        shown = shown[part]
    assert set(shown) == set(file_keys(model))


def test_the_production_drill_hits_the_call_behind_the_widget(production: Config) -> None:
    drill = production.guards["representative_status"].drill
    assert drill is not None
    assert drill.cron is not None
    (fault,) = drill.faults
    assert fault.status == 500
    probe = production.probes["power_of_attorney_api"]
    assert fault.url == f"**{probe.path}"
    assert json.loads(fault.body)["errors"]


def test_the_loading_indicators_own_error_is_allowed_by_the_example_and_by_default(
    production: Config,
) -> None:
    thrown = "TypeError: Failed to execute 'observe' on 'MutationObserver': parameter 1 is not Node"
    (shown,) = [
        rule
        for rule in production.guards["representative_status"].rules
        if rule.rule == "console_errors"
    ]
    for rule in (shown, ConsoleErrors(rule="console_errors")):
        assert any(re.search(pattern, thrown) for pattern in rule.allow)


def test_the_editors_schema_is_the_files_shape() -> None:
    schema = json_schema()
    definitions = schema["$defs"]
    for thing in (
        "TargetSpec",
        "JourneyProbe",
        "RequestProbe",
        "PromqlProbe",
        "GuardSpec",
        "CircuitSpec",
    ):
        assert "name" not in definitions[thing]["properties"]
        assert definitions[thing]["additionalProperties"] is False
    assert {"operator", "operator_file", "viewer_file"} <= set(definitions["Tokens"]["properties"])
    assert "url_file" in definitions["SqlStore"]["properties"]
    assert "url" not in definitions["SqlStore"]["required"]
    port = definitions["WebSpec"]["properties"]["port"]
    assert {"$ref": "#/$defs/Reference"} in port["anyOf"]
    assert port["default"] == 8700


def test_the_schema_leaves_the_models_schema_alone() -> None:
    before = Config.model_json_schema()
    json_schema()
    assert Config.model_json_schema() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", str(PROMETHEUS / "prometheus.yaml")),
        ("test", "rules", str(Path(__file__).parent / "alerts_test.yaml")),
    ],
    ids=["check", "test"],
)
def test_prometheus_takes_the_rules_and_they_fire_when_they_should(
    arguments: tuple[str, ...],
) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        assert not os.environ.get("CI"), "CI must have promtool (Debian package prometheus)"
        pytest.skip("promtool is not installed")
    done = subprocess.run(
        [promtool, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_on_a_step_names_one_that_its_journeys_have(production: Config) -> None:
    journeys = Path(__file__).parents[2] / "probes" / "journeys"
    on_steps = 0
    for guard in production.guards.values():
        for rule in guard.rules:
            step = getattr(rule, "step", None)
            probes = map(production.probes.get, rule.probes or guard.probes)
            for probe in probes if step is not None else ():
                if not isinstance(probe, JourneyProbe):
                    continue
                on_steps += 1
                # A step that no journey has is never measured: the rule would be silent for ever.
                source = (journeys / f"{probe.journey}.py").read_text()
                assert f'step("{step}")' in source, step
                if rule.rule == "step_duration":
                    assert rule.limit_s < probe.params["settle_s"], "such a step would fail first"
    assert on_steps == 3
