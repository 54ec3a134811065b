"""Screenshots and traces: sent harmlessly, and nothing else of the disk ever is."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from daemon import history
from daemon.artifacts import Lost
from daemon.web import artifacts
from probes.model import Artifact
from tests.web.conftest import Room, ago

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


def test_what_a_run_lost_is_said_on_its_page(room: Room) -> None:
    problem = "disk full: No space left on device at <b>"
    shot = room.keep("run-0001", "screenshot", "screenshot.png", PNG)
    room.run(outcome="failed", artifacts=(shot,), artifact_problem=problem)
    room.run(outcome="failed", artifact_problem=problem)
    room.run(outcome="failed")
    client = room.app().test_client()

    some, none, nothing_lost = (client.get(f"/runs/run-000{n}").text for n in (1, 2, 3))

    said = "Not all of it could be kept: disk full: No space left on device at &lt;b&gt;"
    assert said in some
    assert "<img" in some
    assert said in none
    assert "None was kept.<" in none
    assert "could be kept" not in nothing_lost


def test_evidence_that_is_being_lost_is_said_at_the_top_of_the_overview(room: Room) -> None:
    client = room.app().test_client()
    assert "Evidence was lost" not in client.get("/").text
    assert client.get("/api/v1/overview").json["evidence_lost"] is None

    room.evidence_lost = Lost("disk full: No space left on device at <b>", ago(120))

    notices = client.get("/").text.partition('aria-label="Notices"')[2].partition("</ul>")[0]
    assert "Evidence was lost" in notices
    assert ": disk full: No space left on device at &lt;b&gt;. Runs go on without it." in notices
    told = client.get("/api/v1/overview").json["evidence_lost"]
    assert told["problem"] == "disk full: No space left on device at <b>"


def test_evidence_that_is_pruned_while_it_is_looked_at_is_gone_and_no_defect(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pruned(file: Path) -> str:
        file.unlink(missing_ok=True)
        return "image/png"

    room.run(artifacts=(room.keep("run-0001", "screenshot", "screenshot.png", PNG),))
    monkeypatch.setattr(artifacts, "_image", pruned)
    client = room.app().test_client()
    answer = client.get("/api/v1/runs/run-0001/artifacts/screenshot")
    assert (answer.status_code, answer.json["detail"]) == (404, artifacts.GONE)
    # Before anything is known of it, too.
    assert artifacts.evidence_of(room.desk(), history.runs(room.journal)[0][0]) == ()
