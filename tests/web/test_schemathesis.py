"""The API against its own description: whatever a client may send, sensible or not."""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from prometheus_client import CollectorRegistry
from schemathesis import engine
from schemathesis.engine import events

from config.schema import CircuitSpec
from daemon.drills import Drills
from daemon.engine import utc_now
from daemon.metrics import Metrics
from daemon.web import create_app, serve
from daemon.web.api import events as streams
from daemon.web.attempts import Attempts
from probes.model import Artifact, Outcome, Step
from tests.web.conftest import FLAG, GUARD, OPERATOR, VIEWER, Build, Room, bearer

ADMIN = "admin-token-0123456789"
TOKENS = {"viewer": VIEWER, "operator": OPERATOR, "admin": ADMIN}
#: How many requests are made up for each operation, sensible and not.
EXAMPLES = 8
#: Random text names nothing: half of the requests get a name that is there.
NAMES = {
    "guards": GUARD,
    "probes": "widget_signed_out",
    "flags": FLAG,
    "circuits": "va",
    "runs": "run-0001",
    "incidents": "",
}


@pytest.fixture
def described(build: Build) -> Iterator[Any]:
    """Everything that the API can show is there: a kill, its proof, an incident, evidence."""
    room = build(web={"tokens": TOKENS})
    _live(room)
    app = create_app(replace(room.desk(), drills=_drills(room)))
    # Hundreds of requests without a good token are the point here.
    app.extensions["tripflag_attempts"] = Attempts("1000000/minute")
    streams.register(app, streams=100, life_s=0.01)
    app.wsgi_app = _with_fresh_keys(app.wsgi_app)  # type: ignore[method-assign]
    server = serve(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield _schema(f"{server.url}/openapi/openapi.json", _incident(room))
    finally:
        room.engine.news.close()
        server.close()
        thread.join(15)
    assert not thread.is_alive()


def _schema(url: str, incident: str) -> Any:
    schema = schemathesis.openapi.from_url(url)
    config = schema.config
    config.update(headers=bearer(ADMIN))
    config.generation.update(max_examples=EXAMPLES, deterministic=True, no_shrink=True)
    # What a client saw may have changed meanwhile, whether its request is well formed or not.
    for check in (config.checks.positive_data_acceptance, config.checks.negative_data_rejection):
        check.expected_statuses = [*check.expected_statuses, "412"]
    config.checks.negative_data_rejection.expected_statuses += ["413"]
    names = {**NAMES, "incidents": incident}

    @schema.hook
    def map_path_parameters(context: Any, path_parameters: dict[str, Any]) -> dict[str, Any]:
        if not path_parameters:
            return path_parameters
        kind = context.operation.path.split("/")[3]
        key = "id" if "id" in path_parameters else "name"
        sent = path_parameters.get(key)
        if kind not in names or sent is None or zlib.crc32(str(sent).encode()) % 2:
            return path_parameters
        return {**path_parameters, key: names[kind]}

    return schema


@pytest.mark.filterwarnings("ignore:PluginImportFixer:ImportWarning")
def test_every_operation_answers_as_it_is_described(described: Any) -> None:
    failures: list[str] = []
    tried: set[str] = set()
    for event in engine.from_schema(described).execute():
        match event:
            case events.ScenarioFinished():
                tried.add(event.recorder.label)
                failures += _failures(event.recorder)
            case events.NonFatalError():
                failures.append(f"{event.label}: {event.value}")
            case events.FatalError():
                raise event.exception
    assert {each.ok().label for each in described.get_all_operations()} <= tried
    assert not failures, "\n\n".join(failures)


def _failures(recorder: Any) -> list[str]:
    told = []
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                sent = recorder.cases[case_id].value
                failure = check.failure_info.failure
                told.append(
                    f"{recorder.label}: {check.name}: {failure.title}: {failure.message}\n"
                    f"  {sent.method} {sent.formatted_path} {sent.query} {sent.headers} {sent.body}"
                )
    return told


def _with_fresh_keys(app: Any) -> Any:
    """A key that was used with another body is refused, and a real client never does that."""

    def called(environ: dict[str, Any], start: Any) -> Any:
        if re.fullmatch("[!-~]{1,255}", environ.get("HTTP_IDEMPOTENCY_KEY", "")):
            environ["HTTP_IDEMPOTENCY_KEY"] = str(uuid4())
        return app(environ, start)

    return called


def _live(room: Room) -> None:
    circuit = CircuitSpec(name="va", probe="page")
    room.config = room.config.model_copy(update={"circuits": {"va": circuit}})
    room.engine.reload(room.config)
    steps = (Step("open", Outcome.PASSED, 0.2), Step("settle", Outcome.FAILED, 1.0, "alert"))
    kept = room.keep("run-0001", "screenshot", "last.png", b"\x89PNG")
    more = Artifact("trace", "run-0001/gone.zip")
    room.run(steps=steps, artifacts=(kept, more))
    room.break_widget()
    room.prove()
    room.engine.flip("assessment_fallback_enabled", True, "pat", "try")


def _drills(room: Room) -> Drills:
    return Drills(
        room.config,
        room.journal,
        Metrics(CollectorRegistry(), (1.0,)),
        room.engine.state,
        lambda *_: "walked",
        lambda *_: None,
        utc_now,
    )


def _incident(room: Room) -> str:
    app = room.app().test_client()
    found = app.get("/api/v1/incidents", headers=bearer(ADMIN)).get_json()
    return str(found["incidents"][0]["id"])
