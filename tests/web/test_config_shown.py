"""What the daemon shows of its configuration: everything but a secret."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import BaseModel, SecretStr
from ruamel.yaml import YAML

from config.schema import Config
from config.shape import models
from daemon.web.views.config import MASK, as_yaml, config_shown
from tests.web.conftest import Build, Look, Room, bearer, config_for

PLANTED = "s3cr3t-that-nobody-may-see"


def every_model(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """Walk the whole schema, through mappings and lists too."""
    if model in seen:
        return
    seen.add(model)
    yield model
    for field in model.model_fields.values():
        for part in parts(field.annotation):
            for inner in models(part):
                yield from every_model(inner, seen)


def parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from parts(argument)


MODELS = tuple(every_model(Config, set()))
HIDDEN = [
    pytest.param(model, name, id=f"{model.__name__}.{name}")
    for model in MODELS
    for name, field in model.model_fields.items()
    if not field.repr or SecretStr in set(parts(field.annotation))
]


def planted(model: type[BaseModel], name: str) -> Any:
    """A value for the field, of its own type, that holds the secret wherever it may."""
    kinds = set(parts(model.model_fields[name].annotation))
    if SecretStr in kinds:
        return SecretStr(PLANTED)
    if any(getattr(kind, "__origin__", None) is dict for kind in kinds):
        return {"Authorization": f"Bearer {PLANTED}", "plain": PLANTED}
    if name.endswith("url"):
        return f"postgresql://user:{PLANTED}@db.test:5432/flags?sslpassword={PLANTED}&a={PLANTED}"
    return PLANTED


def test_the_schema_has_secrets_to_look_for() -> None:
    names = {each.id for each in HIDDEN}
    assert {"Tokens.admin", "SqlStore.url", "TargetSpec.cookies", "RequestProbe.body"} <= names
    assert len(names) >= 12


@pytest.mark.parametrize(("model", "name"), HIDDEN)
def test_no_secret_of_any_field_is_shown(model: type[BaseModel], name: str) -> None:
    whole = model.model_construct(**{name: planted(model, name)})
    # Fields that are required and not set here are of no interest.
    for other, field in model.model_fields.items():
        if other != name and field.is_required():
            object.__setattr__(whole, other, None)
    shown = config_shown(whole)  # type: ignore[arg-type]
    assert PLANTED not in str(shown)
    assert MASK in str(shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"https://user:{PLANTED}@va.test/x", f"https://{MASK}@va.test/x"),
        (f"https://{PLANTED}@va.test", f"https://{MASK}@va.test"),
        (f"/help?api_key={PLANTED}&lang=en", f"/help?api_key={MASK}&lang=en"),
        (f"/help?lang=en&X-Amz-Signature={PLANTED}", f"/help?lang=en&X-Amz-Signature={MASK}"),
        (f"--proxy-server=http://a:{PLANTED}@p:1", f"--proxy-server=http://{MASK}@p:1"),
        ("/help?monkey=1&keyboard=2", "/help?monkey=1&keyboard=2"),
        ("/a@b?c=d", "/a@b?c=d"),
    ],
)
def test_secrets_in_urls_and_parameters_are_masked_and_nothing_else(text: str, shown: str) -> None:
    config = config_for(Path())
    probe = config.probes["page"].model_copy(update={"path": text})
    probes = {**config.probes, "page": probe}
    assert (
        config_shown(config.model_copy(update={"probes": probes}))["probes"]["page"]["path"]
        == shown
    )


def test_a_parameter_of_a_journey_that_is_named_like_a_secret_is_masked() -> None:
    config = config_for(Path())
    params = {"password": PLANTED, "deep": {"token": [PLANTED]}, "state": "VA"}
    probe = config.probes["assessment"].model_copy(update={"params": params})
    probes = {**config.probes, "assessment": probe}
    shown = config_shown(config.model_copy(update={"probes": probes}))
    assert shown["probes"]["assessment"]["params"] == {
        "password": MASK,
        "deep": {"token": MASK},
        "state": "VA",
    }


def test_the_configuration_in_force_comes_as_json_and_as_yaml(build: Build) -> None:
    room = build(web={"tokens": {"viewer": PLANTED, "operator": f"{PLANTED}-2"}})
    client = room.app().test_client()
    assert client.get("/api/v1/config").status_code == 401
    told = client.get("/api/v1/config", headers=bearer(PLANTED))
    text = client.get("/api/v1/config?format=yaml", headers=bearer(PLANTED))
    assert told.get_json()["config"]["web"]["tokens"] == {
        "viewer": MASK,
        "operator": MASK,
        "admin": None,
    }
    assert told.get_json()["config"]["guards"].keys() == room.config.guards.keys()
    assert text.mimetype == "application/yaml"
    assert YAML(typ="safe").load(StringIO(text.text)) == told.get_json()["config"]
    assert PLANTED not in told.text + text.text


def test_what_is_shown_can_be_read_back_as_a_configuration(room: Room) -> None:
    text = as_yaml(config_shown(room.config))
    again = Config.model_validate(YAML(typ="safe").load(StringIO(text)))
    assert again.guards == room.config.guards
    assert again.probes.keys() == room.config.probes.keys()


def test_a_format_that_there_is_not_is_refused(client: FlaskClient) -> None:
    refused = client.get("/api/v1/config?format=toml")
    assert refused.status_code == 422
    assert "format: input should be 'json' or 'yaml'" in refused.get_json()["detail"]


@pytest.mark.browser
def test_the_page_shows_it_a_section_at_a_time(room: Room, served: Any, look: Look) -> None:
    look.page.goto(f"{served(room).url}/settings")
    text = look.page.locator("main").inner_text()
    assert "representative_status" in text
    assert f"sqlite:///{room.config.journal.path.parent}" in text
    assert look.complaints == []
