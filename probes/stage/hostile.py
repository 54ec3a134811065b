"""The hostile corner: pages and answers that carry planted text raw, wherever a probe may look.

Everything else on the stage escapes. This does not, on purpose: probes keep what a target sends,
and their tests need a target that sends the worst. It listens where the stage does: on loopback.
"""

from __future__ import annotations

import json
from threading import Lock

from flask import Blueprint, Response, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from probes.stage.problem import problem
from probes.stage.toggles import ReadFlags, full_list
from probes.stage.visitors import refuse_strangers

HOSTILE = "/stage/hostile/"
MAX_PLANTED = 2_000_000
#: A URL, or a header, that is longer is refused by servers long before anybody sees it.
MAX_IN_LINE = 2_000
_TOGGLES = "/v0/feature_toggles"


class Planted(BaseModel):
    """One text, so many times in a row."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    times: int = Field(1, ge=1, le=MAX_PLANTED)

    @model_validator(mode="after")
    def _bounded(self) -> Planted:
        if len(self.text) * self.times > MAX_PLANTED:
            raise ValueError(f"at most {MAX_PLANTED} characters can be planted")
        return self


class Order(BaseModel):
    """Body of `POST /stage/hostile/`: the first text goes everywhere, the others to elements."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    texts: tuple[Planted, ...] = Field(min_length=1, max_length=100)


class Seed:
    """Texts that are planted now; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._texts: tuple[str, ...] = ("nothing planted",)

    def plant(self, order: Order) -> None:
        with self._lock:
            self._texts = tuple(each.text * each.times for each in order.texts)

    @property
    def texts(self) -> tuple[str, ...]:
        with self._lock:
            return self._texts

    @property
    def text(self) -> str:
        return self.texts[0]

    @property
    def line(self) -> str:
        """The text as far as a header or a status line can carry it."""
        fit = self.text[:MAX_IN_LINE].encode("latin-1", "ignore").decode("latin-1")
        return "".join(each for each in fit if each.isprintable())


def hostile_blueprint(read_flags: ReadFlags) -> Blueprint:
    """Serve what was planted: `POST /stage/hostile/` plants, everything below it shows."""
    blueprint = Blueprint("hostile", __name__)
    seed = Seed()
    blueprint.before_request(refuse_strangers)
    _add_pages(blueprint, seed)
    _add_answers(blueprint, seed)

    @blueprint.before_app_request
    def answer_toggles() -> Response | None:
        # A page of the hostile corner asks at the one address where browsers look for toggles.
        if request.path != _TOGGLES or "hostile" not in request.args:
            return None
        flags = dict(read_flags(request.args.get("cookie_id")))
        planted = [{"name": each[:MAX_IN_LINE], "value": True} for each in seed.texts]
        data = {"type": seed.text[:MAX_IN_LINE], "features": [*full_list(flags), *planted]}
        return _json({"data": data})

    @blueprint.post(HOSTILE)
    def plant() -> Response:
        try:
            order = Order.model_validate(request.get_json(silent=True))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            return problem(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        seed.plant(order)
        return _json({"planted": len(order.texts)})

    return blueprint


def _add_pages(blueprint: Blueprint, seed: Seed) -> None:
    @blueprint.get(HOSTILE)
    def page() -> Response:
        """Its script puts the exact texts everywhere; nothing is lost to a parser."""
        return _html(_PAGE)

    @blueprint.get(HOSTILE + "raw")
    def raw() -> Response:
        """The text stands in the markup itself, in each place where templates put values."""
        return _html(_RAW.replace("TEXT", seed.text[:MAX_IN_LINE]).replace("WHOLE", seed.text))

    @blueprint.get(HOSTILE + "texts")
    def texts() -> Response:
        return _json(list(seed.texts))


def _add_answers(blueprint: Blueprint, seed: Seed) -> None:
    @blueprint.get(HOSTILE + "answer/<path:_rest>")
    @blueprint.get(HOSTILE + "answer/")
    def answer(_rest: str = "") -> Response:
        """An error whose reason phrase, headers and body are the text."""
        refusal = _html(seed.text)
        refusal.status = f"500 {seed.line}".strip()
        refusal.headers["X-Said"] = seed.line
        refusal.headers["Content-Type"] = "text/plain; charset=utf-8"
        return refusal

    @blueprint.get(HOSTILE + "json")
    def document() -> Response:
        return _json({"said": seed.text})

    @blueprint.post(HOSTILE + "api/v1/query")
    def query() -> Response:
        """Prometheus, in a bad mood."""
        return _json({"status": "error", "errorType": seed.text[:60], "error": seed.text})


def _html(text: str) -> Response:
    try:
        # So that bytes can be planted that are no text.
        body = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        body = text.encode("utf-8", "surrogatepass")
    return Response(body, mimetype="text/html")


def _json(document: object) -> Response:
    return Response(json.dumps(document), mimetype="application/json")


_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Hostile</title>
<script src="/stage/assets/hostile.js" defer></script></head>
<body><main><h1>Nothing yet</h1><p id="said"></p><a id="save" href="data:,x">Save</a>
<section aria-label="planted"></section></main></body></html>"""

_RAW = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>TEXT</title></head>
<body class="TEXT"><h1 id='TEXT'>TEXT</h1><a href="TEXT" title=TEXT>TEXT</a>
<img alt="TEXT" src="TEXT"><textarea>TEXT</textarea>
<style>/* TEXT */</style><!-- TEXT --><script>var said = "TEXT";</script>
<input value="TEXT"><p>WHOLE</p></body></html>"""
