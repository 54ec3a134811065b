"""Screenshots and traces: sent harmlessly, and nothing else of the disk ever is."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from probes.model import Artifact
from tests.web.conftest import Room

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
JPEG, WEBP = b"\xff\xd8\xff\xe0JFIF", b"RIFF\x00\x00\x00\x00WEBPVP8 "
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


@pytest.mark.parametrize(
    ("name", "content", "mime"),
    [
        ("screenshot.png", PNG, "image/png"),
        ("screenshot.PNG", PNG, "image/png"),
        ("screenshot.jpg", JPEG, "image/jpeg"),
        ("screenshot.jpeg", JPEG, "image/jpeg"),
        ("screenshot.webp", WEBP, "image/webp"),
    ],
)
def test_a_screenshot_is_an_image_in_a_sandbox(
    room: Room, name: str, content: bytes, mime: str
) -> None:
    room.run(artifacts=(room.keep("run-0001", "screenshot", name, content),))
    answer = (
        room.app().test_client().get("/api/v1/runs/run-0001/artifacts/screenshot", buffered=True)
    )
    assert (answer.status_code, answer.mimetype, answer.data) == (200, mime, content)
    assert "attachment" not in answer.headers.get("Content-Disposition", "")
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("trace.zip", b"PK"),
        ("page.html", b"<script>"),
        ("page.svg", SVG),
        ("noise", b""),
        ("screenshot.png", SVG),
        ("screenshot.png", b"<!doctype html><script>alert(1)</script>"),
        ("screenshot.png", b""),
        ("screenshot.jpg", PNG),
        ("screenshot.webp", b"RIFF\x00\x00\x00\x00WAVE"),
        ("screenshot.html", PNG),
        ("screenshot.svg", PNG),
    ],
)
def test_whatever_is_no_bitmap_is_a_download_without_a_type(
    room: Room, name: str, content: bytes
) -> None:
    room.run(artifacts=(room.keep("run-0001", "trace", name, content),))
    client = room.app().test_client()
    answer = client.get("/api/v1/runs/run-0001/artifacts/trace", buffered=True)
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith(
        "attachment; filename=widget_signed_out"
    )
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "<img" not in client.get("/runs/run-0001").get_data(as_text=True)


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        ("tr\u00e4ce\u202e", ".zip"),
        ('a"; filename="evil.exe', ".zip"),
        ("trace", ".z\u00efp"),
        ("trace", '."exe'),
        ("k" * 300, "." + "s" * 100),
    ],
)
def test_a_file_name_is_short_and_plain_ascii(room: Room, kind: str, suffix: str) -> None:
    room.run(artifacts=(room.keep("run-0001", kind, f"file{suffix}", b"zip"),))
    path = f"/api/v1/runs/run-0001/artifacts/{quote(kind, safe='')}"
    sent = room.app().test_client().get(path, buffered=True).headers["Content-Disposition"]
    assert re.fullmatch(r"attachment; filename=[A-Za-z0-9._-]{1,140}", sent)


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
