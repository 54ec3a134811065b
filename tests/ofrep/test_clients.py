"""OpenFeature's own clients obey a kill, whatever default the application has in its code."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, send_from_directory
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason
from playwright.sync_api import Browser, Page, sync_playwright

from config.schema import BrowserSpec
from probes.chromium import find, launch_args, sandboxed
from tests.ofrep.conftest import (
    DEADLINE_S,
    FLAG,
    INSIDE,
    OUTSIDE,
    ROLLOUT,
    Room,
    Serve,
    now,
    served,
)

POLL_MS = 200
DEFAULT = True


# --- PyPI: openfeature-provider-ofrep ---------------------------------------------------------


AskPython = Callable[..., FlagEvaluationDetails[bool]]


@pytest.fixture
def ask_python(room: Room) -> Iterator[AskPython]:
    """Evaluate through the SDK, with True as the default in the code."""
    provider = OFREPProvider(room.url, timeout=DEADLINE_S)
    api.set_provider(provider)

    def ask(flag: str = FLAG, actor: str | None = None) -> FlagEvaluationDetails[bool]:
        context = EvaluationContext(targeting_key=actor)
        return api.get_client().get_boolean_details(flag, DEFAULT, context)

    yield ask
    api.clear_providers()
    provider.session.close()


def test_the_python_client_obeys_a_kill_at_its_next_evaluation(
    room: Room, ask_python: AskPython
) -> None:
    before = ask_python()
    assert (before.value, before.reason, before.variant) == (True, Reason.STATIC, "on")
    room.kill()
    after = ask_python()
    assert (after.value, after.reason, after.variant) == (False, Reason.DISABLED, "off")
    assert after.error_code is None


def test_the_python_client_obeys_somebody_elses_kill_and_an_outage_does_not_undo_it(
    room: Room, ask_python: AskPython
) -> None:
    room.killed_elsewhere()
    room.poll()
    room.mirror.lost("refused", now())
    after = ask_python()
    assert (after.value, after.reason) == (False, Reason.DISABLED)
    assert after.flag_metadata["stale"] is True


def test_the_python_client_splits_by_its_targeting_key(ask_python: AskPython) -> None:
    answers = [ask_python(ROLLOUT, actor) for actor in (INSIDE, OUTSIDE, None)]
    assert [(each.value, each.reason) for each in answers] == [
        (True, Reason.SPLIT),
        (False, Reason.SPLIT),
        (False, Reason.SPLIT),
    ]


def test_the_python_client_understands_every_error(room: Room, ask_python: AskPython) -> None:
    unknown = ask_python("nobody")
    assert (unknown.value, unknown.error_code) == (DEFAULT, ErrorCode.FLAG_NOT_FOUND)
    assert unknown.error_message == "the flag store has no flag of that name"
    context = EvaluationContext(targeting_key=INSIDE, attributes={"targetingKey": 7})
    wrong = api.get_client().get_boolean_details(FLAG, DEFAULT, context)
    assert (wrong.value, wrong.error_code) == (DEFAULT, ErrorCode.INVALID_CONTEXT)
    assert wrong.error_message == "`targetingKey` must be a string"


# --- npm: @openfeature/ofrep-provider ---------------------------------------------------------

AskNode = Callable[[str], dict[str, Any]]


@pytest.fixture
def ask_node(room: Room, clients: Path, node: str) -> Iterator[AskNode]:
    """Evaluate through the server SDK in node, with true as the default in the code."""
    # The client's own variables would override what it is given here.
    env = {name: value for name, value in os.environ.items() if not name.startswith("OFREP_")}
    process = subprocess.Popen(
        (node, "server.mjs", room.url, INSIDE),
        cwd=clients,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    to, back = process.stdin, process.stdout

    def ask(flag: str) -> dict[str, Any]:
        to.write(flag + "\n")
        to.flush()
        line = back.readline()
        if not line:
            pytest.fail(process.communicate(timeout=DEADLINE_S)[1][-2000:])
        return dict(json.loads(line))

    with process:
        yield ask
        to.close()
        assert process.wait(DEADLINE_S) == 0


def test_the_server_client_in_node_obeys_a_kill_at_its_next_evaluation(
    room: Room, ask_node: AskNode
) -> None:
    before = ask_node(FLAG)
    assert (before["value"], before["reason"], before["variant"]) == (True, "STATIC", "on")
    assert ask_node(ROLLOUT)["value"] is True
    room.kill()
    after = ask_node(FLAG)
    assert (after["value"], after["reason"], after["variant"]) == (False, "DISABLED", "off")
    room.mirror.lost("refused", now())
    assert ask_node(FLAG)["flagMetadata"]["stale"] is True
    unknown = ask_node("nobody")
    assert (unknown["value"], unknown["errorCode"]) == (DEFAULT, "FLAG_NOT_FOUND")


# --- npm: @openfeature/ofrep-web-provider, in Chromium ----------------------------------------

NESTED = "@openfeature/ofrep-web-provider/node_modules/@openfeature/ofrep-core"
IMPORTS = {
    "@openfeature/core": "@openfeature/core/dist/esm/index.js",
    "@openfeature/web-sdk": "@openfeature/web-sdk/dist/esm/index.js",
    "@openfeature/ofrep-core": f"{NESTED}/index.esm.js",
    "@openfeature/ofrep-web-provider": "@openfeature/ofrep-web-provider/index.esm.js",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    spec = BrowserSpec()
    args = launch_args(spec, is_root=os.geteuid() == 0)
    with sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=find(spec), args=list(args), chromium_sandbox=sandboxed(args)
        )
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, clients: Path) -> Iterator[Page]:
    """A page of an application's own origin, with the web client loaded and not started."""
    app = Flask(__name__)
    imports = {name: f"/modules/{path}" for name, path in IMPORTS.items()}

    @app.get("/")
    def html() -> Response:
        import_map = json.dumps({"imports": imports})
        return Response(
            f'<!doctype html><script type="importmap">{import_map}</script>'
            '<script type="module" src="/web.mjs"></script>'
        )

    @app.get("/web.mjs")
    def script() -> Response:
        return send_from_directory(clients, "web.mjs", mimetype="text/javascript")

    @app.get("/modules/<path:path>")
    def module(path: str) -> Response:
        return send_from_directory(clients / "node_modules", path, mimetype="text/javascript")

    with served(app) as server, browser.new_context() as context:
        opened = context.new_page()
        opened.set_default_timeout(DEADLINE_S * 1000)
        opened.goto(server.url)
        opened.wait_for_function("window.start !== undefined")
        yield opened


def start(page: Page, room: Room, **options: Any) -> None:
    """Start the client; it has fetched its flags once after this."""
    given = {"baseUrl": room.url, "cacheMode": "disabled", **options}
    page.evaluate("([options, key]) => window.start(options, key)", [given, INSIDE])
    assert ask(page) == (True, "STATIC")
    assert ask(page, ROLLOUT) == (True, "SPLIT")


def ask(page: Page, flag: str = FLAG) -> tuple[bool, str]:
    """Evaluate with true as the default in the code; the client answers from its own memory."""
    found = page.evaluate("flag => window.ask(flag)", flag)
    return found["value"], found["reason"]


def until_off(page: Page, within_s: float, *, told: bool = True) -> None:
    """Wait until the client itself says that the flag was killed, and maybe told the page so."""
    off = "flag => window.ask(flag).value === false"
    page.wait_for_function(off, arg=FLAG, timeout=within_s * 1000)
    assert ask(page) == (False, "DISABLED")
    assert (page.evaluate("window.changes") > 0) is told


@pytest.mark.browser
def test_the_web_client_obeys_a_kill_at_its_event_without_any_poll(room: Room, page: Page) -> None:
    with page.expect_response(lambda answer: "/ofrep/v1/events" in answer.url):
        start(page, room)
    room.kill()
    until_off(page, within_s=3)


@pytest.mark.browser
def test_the_web_client_obeys_a_kill_within_its_poll_without_events(room: Room, page: Page) -> None:
    start(page, room, pollInterval=POLL_MS, changeDetection="polling")
    with page.expect_response(lambda answer: answer.status == 304):
        pass  # nothing changed, so nothing was sent
    room.kill()
    until_off(page, within_s=3)


@pytest.mark.browser
def test_the_web_client_learns_of_a_kill_that_came_while_its_stream_was_down(
    serve_room: Serve, page: Page
) -> None:
    room = serve_room(stream_s=0.3)
    room.poll()
    with page.expect_event("requestfinished", lambda asked: "/ofrep/v1/events" in asked.url):
        start(page, room)
    room.kill()  # the browser comes back after a second
    until_off(page, within_s=5)


@pytest.mark.browser
@pytest.mark.parametrize(("poll_ms", "told"), [(POLL_MS, True), (0, False)])
def test_the_web_client_obeys_a_kill_where_every_stream_is_taken(
    serve_room: Serve, page: Page, poll_ms: int, told: bool
) -> None:
    """Refused, it asks again about every second; but then it tells the page only if it polls."""
    room = serve_room(streams=0)
    room.poll()
    with page.expect_response(lambda answer: answer.status == 503):
        start(page, room, pollInterval=poll_ms)
    room.kill()
    until_off(page, within_s=5, told=told)
