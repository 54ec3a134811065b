"""What a page is told about its flags, whatever comes back, and from whichever origin."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from config.schema import TargetSpec
from probes.model import Outcome, Run
from probes.runner import Runner
from tests.probes.conftest import FLAG, Answer, Site, job

pytestmark = pytest.mark.browser

LIST = {"data": {"type": "feature_toggles", "features": [
    {"name": "representativeStatusEnabled", "value": True},
    {"name": FLAG, "value": True},
    {"name": "another_flag", "value": True},
]}}  # fmt: skip


def watched(runner: Runner, target: TargetSpec, **more: Any) -> Run:
    return runner.execute(job("watches_a_flag", target, {"flag": FLAG, "within_s": 0.6}, **more))


def test_a_toggle_answer_whose_body_never_ends_does_not_hold_the_run(
    runner: Runner, site: Site
) -> None:
    site.answers["/"] = Answer("<!doctype html><script>fetch('/v0/feature_toggles')</script>")
    site.answers["/v0/feature_toggles"] = Answer(site.hang_after_headers)

    run = watched(runner, site.target, timeout_s=3)

    assert run.outcome is Outcome.SKIPPED
    assert "got no answer" in run.reason
    assert run.duration_s < 2.5


@pytest.mark.parametrize(
    "body",
    ["[" * 50_000, '{"data": {"features": [{"name": [], "value": true}]}}', "null", "\xff"],
)
@pytest.mark.parametrize("force", [True, False])
def test_a_hostile_toggle_answer_is_unreadable_and_nothing_more(
    runner: Runner, site: Site, body: str, force: bool
) -> None:
    site.answers["/"] = Answer("<!doctype html><script>fetch('/v0/feature_toggles')</script>")
    site.answers["/v0/feature_toggles"] = Answer(body.encode("latin-1"), kind="application/json")
    probe = {"force_flags": {FLAG: False}} if force else {}

    run = watched(runner, site.target, probe=probe)

    assert run.outcome is Outcome.SKIPPED
    assert "unreadable" in run.reason


def test_a_page_that_never_asks_for_toggles_is_skipped(runner: Runner, site: Site) -> None:
    site.answers["/"] = Answer("<!doctype html>")

    assert "was never made" in watched(runner, site.target).reason


def test_a_redirected_toggle_request_is_read_where_it_ends(runner: Runner, site: Site) -> None:
    site.answers["/"] = Answer("<!doctype html><script>fetch('/v0/feature_toggles')</script>")
    moved = {"Location": "/v0/feature_toggles/"}
    site.answers["/v0/feature_toggles"] = Answer(status=301, headers=moved)
    site.answers["/v0/feature_toggles/"] = Answer(json.dumps(LIST), kind="application/json")

    run = watched(runner, site.target)

    assert run.exposure is not None
    assert run.exposure.value is True


@pytest.mark.parametrize("force", [True, False])
def test_a_zipped_answer_of_another_origin_is_read_and_rewritten(
    runner: Runner, site: Site, force: bool
) -> None:
    # As on VA.gov: the API is another origin, and its header makes the browser ask first.
    api = site.url.replace("127.0.0.1", "localhost")
    script = (
        f"fetch('{api}/v0/feature_toggles?cookie_id=x', "
        "{credentials: 'include', headers: {'X-Key-Inflection': 'camel'}})"
        ".then((answer) => answer.json()).then((told) => { document.title = "
        "told.data.features.filter((each) => each.value).map((each) => each.name).join() })"
    )
    site.answers["/"] = Answer(f"<!doctype html><script>{script}</script>")
    site.answers["/v0/feature_toggles"] = Answer(
        gzip.compress(json.dumps(LIST).encode()),
        kind="application/json",
        headers={
            "Content-Encoding": "gzip",
            "Access-Control-Allow-Origin": site.url,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Allow-Headers": "X-Key-Inflection",
        },
    )
    target = TargetSpec(name="site", base_url=site.url, api_url=api)
    probe = {"force_flags": {FLAG: False}} if force else {}

    run = watched(runner, target, probe=probe)

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
    assert run.exposure is not None
    assert run.exposure.value is not force
    assert run.toggles is not None
    assert run.toggles.values["another_flag"] is True
    title = "another_flag" if force else f"representativeStatusEnabled,{FLAG},another_flag"
    seen = runner.execute(
        job("opens", target, {"wait_for": f"document.title === '{title}'"}, probe=probe)
    )
    assert seen.outcome is Outcome.PASSED, "the page itself read it so"
