"""A probe of Prometheus in the list of probes."""

from __future__ import annotations

import pytest

from config.schema import PromqlProbe
from tests.web.conftest import Room


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("sum(rate(errors[5m]))", "sum(rate(errors[5m]))"),
        ("a" * 200, "a" * 200),
        ("a" * 201, "a" * 199 + "…"),
    ],
)
def test_a_query_is_shown_as_far_as_a_line_holds_it(room: Room, query: str, what: str) -> None:
    asks = PromqlProbe(
        kind="promql", name="errors", target="va", query=query, headers={"X-Scope": "s3cr3t"}
    )
    room.config.probes["errors"] = asks
    answer = room.app().test_client().get("/api/v1/probes/errors")
    assert (answer.json["kind"], answer.json["what"]) == ("promql", what)
    assert "s3cr3t" not in answer.text
