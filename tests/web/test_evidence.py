"""Screenshots and traces: sent harmlessly, and nothing else of the disk ever is."""

from __future__ import annotations

from pathlib import Path

import pytest

from probes.model import Artifact
from tests.web.conftest import Room


def test_a_screenshot_is_an_image_in_a_sandbox(room: Room) -> None:
    room.run(artifacts=(room.keep("run-0001", "screenshot", "screenshot.png", b"\x89PNG"),))
    answer = (
        room.app().test_client().get("/api/v1/runs/run-0001/artifacts/screenshot", buffered=True)
    )
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/png", b"\x89PNG")
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["trace.zip", "page.html", "page.svg", "noise"])
def test_whatever_is_no_bitmap_is_a_download_without_a_type(room: Room, name: str) -> None:
    room.run(artifacts=(room.keep("run-0001", "trace", name, b"<script>"),))
    answer = room.app().test_client().get("/api/v1/runs/run-0001/artifacts/trace", buffered=True)
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith(
        "attachment; filename=widget_signed_out"
    )


@pytest.mark.parametrize(
    "path", ["../secret", "run/../../secret", "run/link", ".", "\x00", "x" * 999]
)
def test_a_path_that_leads_out_of_the_folder_is_not_followed(room: Room, path: str) -> None:
    folder = room.config.journal.artifacts_folder
    (folder / "run").mkdir(parents=True)
    (folder.parent / "secret").write_text("secret")
    (folder / "run" / "link").symlink_to(folder.parent / "secret")
    absolute = str(folder.parent / "secret")
    room.run(artifacts=(Artifact("trace", path), Artifact("screenshot", absolute)))
    client = room.app().test_client()
    for kind in ("trace", "screenshot"):
        answer = client.get(f"/api/v1/runs/run-0001/artifacts/{kind}")
        assert answer.status_code == 404
        assert "journal.artifacts_keep" in answer.json["detail"]
        assert b"secret" not in answer.data


def test_a_url_cannot_name_a_path(room: Room, tmp_path: Path) -> None:
    room.run(artifacts=(room.keep("run-0001", "trace", "trace.zip", b"zip"),))
    (tmp_path / "secret").write_text("secret")
    client = room.app().test_client()
    for kind in ("../secret", "..%2f..%2fsecret", "%2e%2e/secret", "trace.zip"):
        assert client.get(f"/api/v1/runs/run-0001/artifacts/{kind}").status_code == 404


def test_a_run_without_that_evidence_says_what_it_kept(room: Room) -> None:
    room.run(artifacts=(room.keep("run-0001", "trace", "trace.zip", b"zip"),))
    answer = room.app().test_client().get("/api/v1/runs/run-0001/artifacts/screenshot")
    assert (answer.status_code, answer.json["known"]) == (404, ["trace"])


def test_evidence_that_was_pruned_is_said_to_be_gone(room: Room) -> None:
    room.run(artifacts=(Artifact("trace", "run-0001/trace.zip"),))
    answer = room.app().test_client().get("/api/v1/runs/run-0001/artifacts/trace")
    assert answer.status_code == 404
    assert answer.json["detail"].startswith("the evidence is gone")
