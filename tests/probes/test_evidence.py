"""What a run keeps of what it saw: bounded, without secrets, and only where it is of use."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from config.schema import TargetSpec
from probes.model import MASKING, Outcome, Run
from probes.runner import Runner
from tests.probes.conftest import Answer, Site, closed_port, job

pytestmark = pytest.mark.browser

CANARY = "canary%2Ftoken-0123456789abcdef"


def content(zipped: Path) -> bytes:
    with zipfile.ZipFile(zipped) as archive:
        assert archive.testzip() is None
        return b"\n".join(archive.read(name) for name in archive.namelist())


def test_a_failed_run_has_a_screenshot_and_a_passed_one_has_nothing(
    runner: Runner, site: Site, tmp_path: Path
) -> None:
    site.answers["/"] = Answer("<!doctype html><h1>Here</h1>")

    good = runner.execute(job("opens", site.target, {"see": "Here"}, artifacts=tmp_path))
    bad = runner.execute(job("opens", site.target, {"see": "Gone"}, artifacts=tmp_path))

    assert (good.outcome, good.artifacts) == (Outcome.PASSED, ())
    assert not (tmp_path / good.id).exists()
    assert bad.outcome is Outcome.FAILED
    assert [each.kind for each in bad.artifacts] == ["screenshot"]
    assert (tmp_path / bad.artifacts[0].path).read_bytes().startswith(b"\x89PNG")


def test_a_confirming_run_keeps_a_trace_without_the_session_in_it(
    runner: Runner, site: Site, tmp_path: Path
) -> None:
    echo = "<!doctype html><h1>Here</h1><script>document.write(document.cookie)</script>"
    site.answers["/"] = Answer(echo, headers={"Set-Cookie": "fresh=set-by-the-site-itself"})
    state = {"origins": [{"origin": site.url, "localStorage": [
        {"name": "session", "value": json.dumps({"token": "storage-token-987654321"})}
    ]}], "cookies": []}  # fmt: skip
    (tmp_path / "state.json").write_text(json.dumps(state))
    target = TargetSpec(
        name="site",
        base_url=site.url,
        cookies={"session": CANARY},
        storage_state_file=tmp_path / "state.json",
    )
    probe = {"cookies": {"other": "second-canary-0123456789"}}
    uses = "fetch('/api', {headers: {a: 'Bearer ' + JSON.parse(localStorage.session).token}})"
    params = {"see": "Gone", "wait_for": uses}

    run = runner.execute(
        job("opens", target, params, probe=probe, trace=True, artifacts=tmp_path / "kept")
    )

    assert run.outcome is Outcome.FAILED
    assert [each.kind for each in run.artifacts] == ["screenshot", "trace"]
    kept = content(tmp_path / "kept" / run.artifacts[1].path)
    assert b"Here" in kept, "the trace still shows the page"
    assert b"[redacted]" in kept
    for secret in (
        CANARY,
        "canary/token-0123456789abcdef",
        "second-canary-0123456789",
        "storage-token-987654321",
        "set-by-the-site-itself",
    ):
        assert secret.encode() not in kept


def test_a_passed_run_keeps_no_trace(runner: Runner, site: Site, tmp_path: Path) -> None:
    site.answers["/"] = Answer("<!doctype html><h1>Here</h1>")

    run = runner.execute(job("opens", site.target, trace=True, artifacts=tmp_path))

    assert run.artifacts == ()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_does_not_change_what_a_run_says(
    runner: Runner, site: Site, tmp_path: Path
) -> None:
    site.answers["/"] = Answer("<!doctype html>")
    (tmp_path / "a file").write_text("where a folder is wanted")

    run = runner.execute(job("opens", site.target, {"see": "Gone"}, artifacts=tmp_path / "a file"))

    assert run.outcome is Outcome.FAILED
    assert run.artifacts == ()


@pytest.mark.parametrize(
    ("limit", "value"), [("duration_s", 0.001), ("lcp_s", 0.000_1), ("ttfb_s", 0.000_01)]
)
def test_passing_a_soft_limit_degrades_a_run(
    runner: Runner, site: Site, limit: str, value: float
) -> None:
    site.answers["/"] = Answer("<!doctype html><h1>Here</h1>")

    probe = {"soft_limits": {limit: value}}
    run = runner.execute(job("opens", site.target, {"see": "Here"}, probe=probe))

    assert run.outcome is Outcome.DEGRADED
    assert run.reason.startswith(f"{limit} ")
    assert run.judges


def test_blocked_hosts_are_never_asked_and_are_no_evidence(runner: Runner, site: Site) -> None:
    site.answers["/"] = Answer(
        "<!doctype html><h1>Here</h1><img src='/ads/pixel.png'><img src='/logo.png'>"
    )
    target = site.target.model_copy(update={"block": (f"{site.url}/ads/**",)})

    run = runner.execute(job("opens", target, {"see": "Here"}))

    assert run.outcome is Outcome.PASSED
    assert "/ads/pixel.png" not in site.hits
    assert [(each.url, each.status) for each in run.failed_requests] == [
        (f"{site.url}/logo.png", 404)
    ]


def test_what_a_page_complains_about_is_bounded_in_number_and_length(
    runner: Runner, site: Site
) -> None:
    site.answers["/"] = Answer(
        "<!doctype html><h1>Here</h1><script>"
        "for (let n = 0; n < 200; n++) {"
        "  console.error('c'.repeat(10000));"
        "  setTimeout(() => { throw new Error('e'.repeat(10000)) });"
        "  fetch('/absent/' + 'u'.repeat(3000) + '?token=hidden-in-the-query' + n);"
        "}</script>"
    )

    run = runner.execute(job("opens", site.target, {"wait_for": "performance.now() > 300"}))

    assert run.outcome is Outcome.PASSED
    assert len(run.console_errors) == 50
    assert max(map(len, run.console_errors)) <= 500
    assert len(run.failed_requests) == 50
    assert max(len(each.url) for each in run.failed_requests) <= 500
    assert "hidden-in-the-query" not in run.to_json()
    assert len(run.to_json()) < 100_000


def test_what_a_page_throws_rejects_and_logs_all_arrive_in_one_plain_line_each(
    runner: Runner, site: Site
) -> None:
    site.answers["/"] = Answer(
        "<!doctype html><h1>Here</h1><script>"
        "console.error('logged \\u001b[31mred\\u001b[0m\\n\\u0000twice', {a: 1}, '\\ud800');"
        "console.warn('no error'); console.log('no error');"
        "setTimeout(() => { throw new TypeError('thrown ' + 'x'.repeat(5000)) });"
        "Promise.reject(new Error('rejected'));"
        "setTimeout(() => { throw {toString() { return 'strange' }} });"
        "setTimeout(() => { done = true }, 50)</script>"
    )

    run = runner.execute(job("opens", site.target, {"wait_for": "window.done"}))

    errors = run.console_errors
    assert [each[:8] for each in errors if "no error" in each] == []
    assert [
        word for word in ("logged red", "thrown xxx", "rejected") if word not in str(errors)
    ] == []
    assert len(errors) == 4
    assert max(map(len, errors)) <= 500
    assert all(each.isprintable() for each in errors), errors
    assert run.to_json().encode("utf-8")


def test_a_method_without_end_is_cut_like_all_that_a_page_says(runner: Runner, site: Site) -> None:
    long = "fetch('/absent', {method: 'x'.repeat(100000)}).catch(() => 0)"
    site.answers["/"] = Answer(f"<!doctype html><h1>Here</h1><script>{long}</script>")

    run = runner.execute(job("opens", site.target, {"wait_for": "performance.now() > 300"}))

    assert [len(each.method) for each in run.failed_requests] == [20]


def test_a_failed_request_says_its_error_or_its_status(runner: Runner, site: Site) -> None:
    refused = f"http://127.0.0.1:{closed_port()}/x"
    site.answers["/"] = Answer(
        f"<!doctype html><h1>Here</h1><script>fetch('/absent').catch(() => 0);"
        f"fetch('{refused}').catch(() => 0)</script>"
    )

    run = runner.execute(job("opens", site.target, {"wait_for": "performance.now() > 300"}))

    failed = {each.url: (each.method, each.status, each.error) for each in run.failed_requests}
    assert failed[f"{site.url}/absent"] == ("GET", 404, "")
    assert failed[refused] == ("GET", None, "net::ERR_CONNECTION_REFUSED")


def test_a_page_that_forges_figures_gets_no_nonsense_into_a_run(runner: Runner, site: Site) -> None:
    junk = (
        "null, 1, 'x', [], {}, {id: 'now', figures: 1}, {id: 1, figures: {lcp_s: 'a'}}, "
        "{id: NaN, figures: {lcp_s: NaN}}, {id: 2, figures: {lcp_s: -1, cls: 1e308, evil: 1}}, "
        "{id: 10n ** 400n, figures: {}}, {id: 3, figures: {lcp_s: 10n ** 400n}}, window, document"
    )
    site.answers["/"] = Answer(
        "<!doctype html><h1>Here</h1><script>"
        f"for (const each of [{junk}]) Promise.resolve(__tripflag_vitals(each)).catch(() => 0);"
        "for (let n = 0; n < 1000; n++) __tripflag_vitals({id: 1e13 + n, figures: {cls: 0}});"
        "</script>"
    )

    run = runner.execute(job("opens", site.target, {"see": "Here"}))

    assert run.outcome is Outcome.PASSED
    assert run.vitals is not None
    figures = [run.vitals.lcp_s, run.vitals.cls, run.vitals.inp_s]
    assert all(figure is None or 0 <= figure < 86_400 for figure in figures)
    assert Run.from_json(run.to_json()) == run


def test_a_run_that_has_no_time_left_to_clean_its_trace_says_so_and_stands(
    runner: Runner, site: Site, tmp_path: Path
) -> None:
    """A worker that is killed over its evidence would lose the failure."""
    site.answers["/"] = Answer("<!doctype html><h1>Here</h1>")

    run = runner.execute(
        job("overstays", site.target, {"wait_s": 2}, timeout_s=2, trace=True, artifacts=tmp_path)
    )

    assert (run.outcome, run.reason) == (Outcome.FAILED, "it came in time")
    assert [each.kind for each in run.artifacts] == ["screenshot"]
    assert run.artifact_problem == (
        f"{MASKING}: the trace could not be cleaned of personal data: "
        "that takes longer than the run may"
    )
    assert [path.name for path in (tmp_path / run.id).iterdir()] == ["screenshot.png"]
